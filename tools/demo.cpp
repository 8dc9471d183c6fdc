// erg demo: a GAN, DDLS on top of it, an EBM and MEG on the grid of 25 Gaussians. One table, and pictures.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "../engine/io/file.h"
#include "../samplers/langevin.h"
#include "commands.h"
#include "data.h"
#include "error.h"
#include "metrics/modes.h"
#include "picture.h"
#include "recipes/recipes.h"
#include "report/page.h"
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
    std::vector<page::Curve> curves;
    for (int64_t step = 1; step <= s.steps; ++step) {
      trainer->set_rate(real(rate_at(s, step)));
      const Metrics metrics = trainer->step([&] { return data->next(s.batch).to(device_); });
      const bool drawn = step % std::max<int64_t>(1, s.steps / 200) == 0;
      if (!drawn && !progress.due(step)) continue;
      Values values;
      for (const Metric& m : metrics) values.emplace_back(m.name, double(m.value.item()));
      if (progress.due(step)) progress.update(step, values);
      if (drawn) extend(curves, step, values);
    }
    const double seconds = progress.seconds();
    for (const page::Curve& curve : curves) curves_ += page::chart(system + ": " + curve.name, {curve});
    save(system + "-energy", energy_picture([&](const Tensor& x) { return (*trainer->landscape())(x.to(device_)); }));
    return {std::move(trainer), seconds};
  }

  /// The noise that evaluates a system: the same for every run with this seed.
  Noise noise() const { return Noise(options_.seed, "evaluation", device_); }

  /// A row of the table and a scatter picture.
  void write(const std::string& name, const Tensor& samples, double seconds) {
    const ModeCount count = count_modes(mixture_, samples);
    char row[3][16];
    std::snprintf(row[0], sizeof row[0], "%d/%d", count.found, count.total);
    std::snprintf(row[1], sizeof row[1], "%.1f %%", 100 * count.high_quality);
    std::snprintf(row[2], sizeof row[2], "%.1f", seconds);
    std::printf("%-8s %8s %14s %9s\n", name.c_str(), row[0], row[1], row[2]);
    std::fflush(stdout);
    table_.push_back({name, row[0], row[1], row[2]});
    save(name, scatter_picture(samples, mixture_));
  }

  /// All of it on one page, whose path is returned.
  std::filesystem::path write_page() const {
    const std::filesystem::path file = std::filesystem::path(options_.out) / "report.html";
    const auto section = [](const std::string& title, const std::string& body) {
      return "<h2>" + title + "</h2>\n<section>\n" + body + "</section>\n";
    };
    io::atomic_write(
        file, page::document("erg demo", "<h1>erg demo: 25 Gaussians, seed " + std::to_string(options_.seed) +
                                             "</h1>\n" + section("Modes", page::table(table_)) +
                                             section("Samples, and energies: bright where they are low", pictures_) +
                                             section("Curves by step", curves_)));
    return file;
  }

 private:
  static void extend(std::vector<page::Curve>& curves, int64_t step, const Values& values) {
    for (size_t i = 0; i < values.size(); ++i) {
      if (i == curves.size()) curves.push_back({values[i].first, 0, {}});
      curves[i].points.emplace_back(double(step), values[i].second);
    }
  }
  void save(const std::string& name, const io::Image& picture) {
    io::write_png(path(name), picture);
    pictures_ += page::picture(io::encode_png(picture), name);
  }
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
  std::vector<std::vector<std::string>> table_{{"system", "modes", "high quality", "seconds"}};
  std::string pictures_, curves_;
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
      "ddls starts from the gan's samples; its seconds are sampling alone. Pictures: %s/*.png, all on one page: %s\n",
      static_cast<long long>(sample_count), options.out.c_str(), demo.write_page().c_str());
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
