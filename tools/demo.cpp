// erg demo: a GAN, DDLS on top of it, an EBM and MEG on the grid of 25 Gaussians. One table, and pictures.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "../samplers/langevin.h"
#include "commands.h"
#include "data.h"
#include "error.h"
#include "metrics/modes.h"
#include "picture.h"
#include "recipes/recipes.h"
#include "run.h"

namespace erg::tools {

namespace {

struct Options {
  std::string out = "demo", device = "auto";
  uint64_t seed = 1;
};

constexpr int64_t sample_count = 10000;

/// Trains and judges one system after another, each on the same grid with the same seed.
class Demo {
 public:
  Demo(const Options& options, const Common& common)
      : options_(options), common_(common), mixture_(grid_of_25_gaussians()), device_(device_of(settings("gan"))) {
    make_directory(options.out);
    std::printf("%-8s %8s %14s %9s\n", "system", "modes", "high quality", "seconds");
    write("data", open_data("25gaussians", "", options_.seed)->next(sample_count), 0);
  }

  struct Trained {
    std::unique_ptr<Trainer> trainer;
    double seconds;
  };
  /// Runs the preset's number of steps, and draws what the system has learned.
  Trained train(const std::string& system) {
    const Settings s = settings(system);
    const std::unique_ptr<Data> data = open_data(s.data, "", s.seed);
    std::unique_ptr<Trainer> trainer = make_trainer(s, sample_shape(s.data));
    Progress progress(s.system, s.steps, common_.quiet);
    for (int64_t step = 1; step <= s.steps; ++step) {
      trainer->set_rate(real(rate_at(s, step)));
      const Metrics metrics = trainer->step([&] { return data->next(s.batch).to(device_); });
      if (progress.due(step)) {
        Values values;
        for (const Metric& m : metrics) values.emplace_back(m.name, double(m.value.item()));
        progress.update(step, values);
      }
    }
    const double seconds = progress.seconds();
    io::write_png(path(system + "-energy"),
                  energy_picture([&](const Tensor& x) { return (*trainer->landscape())(x.to(device_)); }));
    return {std::move(trainer), seconds};
  }

  /// The noise that evaluates a system: the same for every run with this seed.
  Noise noise() const { return Noise(options_.seed, "evaluation", device_); }

  /// A row of the table and a scatter picture.
  void write(const std::string& name, const Tensor& samples, double seconds) {
    const ModeCount count = count_modes(mixture_, samples);
    std::printf("%-8s %5d/%-2d %12.1f %% %9.1f\n", name.c_str(), count.found, count.total, 100 * count.high_quality,
                seconds);
    std::fflush(stdout);
    io::write_png(path(name), scatter_picture(samples, mixture_));
  }

 private:
  Settings settings(const std::string& system) const {
    Settings s = preset(system, "25gaussians", "small");
    s.device = options_.device;
    s.seed = options_.seed;
    return s;
  }
  std::filesystem::path path(const std::string& name) const {
    return std::filesystem::path(options_.out) / (name + ".png");
  }

  Options options_;
  Common common_;
  Mixture mixture_;
  Device device_;
};

void run_gan_and_ddls(Demo& demo) {
  const auto [gan, seconds] = demo.train("gan");
  const Target latent = gan->targets().front();
  Noise noise = demo.noise();
  const Tensor z = latent.start(sample_count, noise);
  demo.write("gan", latent.samples(z), seconds);

  // The same latent points, moved by the discriminator's verdict.
  const Progress clock("ddls", 1, true);
  const Tensor moved = run(Langevin::ddls(real(0.003)), latent.energy, z, 200, noise);
  demo.write("ddls", latent.samples(moved), clock.seconds());
}

void run_system(Demo& demo, const char* system) {
  const auto [trainer, seconds] = demo.train(system);
  Noise noise = demo.noise();
  demo.write(system, trainer->sample(sample_count, noise), seconds);
}

int demonstrate(const Options& options, const Common& common) {
  Demo demo(options, common);
  run_gan_and_ddls(demo);
  run_system(demo, "ebm");
  run_system(demo, "meg");
  std::printf(
      "\n25 Gaussians; modes with at least one sample within 3 deviations, and the share of %lld samples that are.\n"
      "ddls starts from the gan's samples; its seconds are sampling alone. Pictures: %s/*.png\n",
      static_cast<long long>(sample_count), options.out.c_str());
  return Exit::ok;
}

}  // namespace

void add_demo(CLI::App& app, const Common& common, Run& run) {
  CLI::App* command =
      app.add_subcommand("demo", "The tour: GAN, DDLS, EBM and MEG on 25 Gaussians; a table and pictures");
  auto options = std::make_shared<Options>();
  command->option_defaults()->always_capture_default();
  command->add_option("--out", options->out, "Folder for the pictures");
  add_device(*command, options->device);
  command->add_option("--seed", options->seed, "Seed of everything random")->check(seed_number());
  command->callback([&run, &common, options] { run = [&common, options] { return demonstrate(*options, common); }; });
}

}  // namespace erg::tools
