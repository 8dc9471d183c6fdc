// erg train SYSTEM --data SET: trains, with progress, pictures and checkpoints; or says what that would take.
#include <CLI/CLI.hpp>
#include <cmath>
#include <csignal>
#include <cstdio>

#include "../engine/io/checkpoint.h"
#include "alarms.h"
#include "commands.h"
#include "data.h"
#include "dry_run.h"
#include "error.h"
#include "picture.h"
#include "recipes/recipes.h"
#include "run.h"

namespace erg::tools {

namespace {

volatile std::sig_atomic_t stop_signal = 0;

/// The first signal asks for a checkpoint at the next step; a second one ends the program at once.
void on_signal(int signal) {
  stop_signal = signal;
  std::signal(signal, SIG_DFL);
}

Values read(const Metrics& metrics) {
  Values values;
  for (const Metric& m : metrics) values.emplace_back(m.name, double(m.value.item()));
  return values;
}

void check_finite(const Settings& settings, int64_t step, const Values& values) {
  for (const auto& [name, value] : values)
    if (!std::isfinite(value))
      throw TrainingDivergedError(settings.system + " diverged: " + name + " is " + std::to_string(value) +
                                  " at step " + std::to_string(step) + "; try a smaller --rate, or another --seed");
}

struct DryRun {
  bool wanted = false;
  double flops_per_second = 0;  // 0: measured
};

int train(const Settings& settings, const Common& common) {
  const Device device = device_of(settings);
  const std::unique_ptr<Data> data = open_data(settings.data, settings.data_dir, settings.seed,
                                               {.dequantise = settings.dequantise, .labels = settings.labels});
  const std::unique_ptr<Trainer> trainer = make_trainer(settings, sample_shape(settings.data));
  RunDirectory run(settings, count_params(*trainer));

  const auto next = [&] { return data->next(settings.batch).to(device); };
  const auto next_labelled = [&] {
    const Labelled batch = data->next_labelled(settings.batch);
    return Labelled{batch.x.to(device), batch.y.to(device)};
  };
  const auto every = [&](int64_t wish) { return wish > 0 ? wish : std::max<int64_t>(1, settings.steps / 10); };
  const int64_t sample_every = every(settings.sample_every), checkpoint_every = every(settings.checkpoint_every);
  const int64_t pictured = sample_shape(settings.data).rank() == 3 ? 100 : 5000;
  const int64_t log_every = std::max<int64_t>(1, settings.steps / 1000) | 1;  // odd: what flips each step is seen to

  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  Progress progress(settings.system + " on " + settings.data, settings.steps, common.quiet);
  Alarms alarms;
  for (int64_t step = 1; step <= settings.steps; ++step) {
    trainer->set_rate(real(rate_at(settings, step)));
    const Metrics metrics = trainer->step(next, next_labelled);
    const bool last = step == settings.steps || stop_signal;
    if (last || step % log_every == 0 || progress.due(step)) {
      const Values values = read(metrics);
      progress.update(step, values);
      run.log(step, values);
      check_finite(settings, step, values);
      if (const auto alarm = alarms.see(values)) {
        progress.tell("step " + std::to_string(step) + ": " + *alarm);
        run.log_event(step, *alarm);
      }
    }
    if (trainer->has_samples() && (last || step % sample_every == 0)) {
      Noise fixed(settings.seed, "pictures", device);  // the same latent points each time, so pictures can be compared
      run.save_samples(step, sample_picture(trainer->sample(pictured, fixed), mixture_of(settings.data)));
    }
    if (last || step % checkpoint_every == 0) {
      io::StateDict state = io::state_of(entries(*trainer));
      state.set_counter("step", uint64_t(step));
      run.save_checkpoint(step, state);
    }
    if (stop_signal) {
      std::fprintf(stderr, "\nerg: stopped at step %lld after a checkpoint\n", static_cast<long long>(step));
      return 128 + stop_signal;
    }
  }
  std::printf("%s\n", settings.out.c_str());
  return Exit::ok;
}

}  // namespace

void add_train(CLI::App& app, const Common& common, Settings& settings, Run& run) {
  CLI::App* command = app.add_subcommand("train", "Train a system: " + join(recipe_names()));
  command->configurable();
  add_settings(*command, settings);
  std::string systems = "Systems:";
  for (const std::string& name : recipe_names()) systems += "\n  " + name + ": " + recipe_summary(name);
  if (!settings.system.empty())
    systems += "\n\nThe defaults above: preset " + preset_text(settings.system, settings.data, settings.preset);
  command->footer(systems);
  auto dry = std::make_shared<DryRun>();
  command->add_flag("--dry-run", dry->wanted, "Print settings, networks, memory, FLOPs and hours, and train nothing")
      ->configurable(false);
  command->add_option("--flops-per-second", dry->flops_per_second, "For --dry-run: this rate instead of a measured one")
      ->check(positive())
      ->default_str("")
      ->configurable(false);
  command->callback([&, dry] {
    run = [&, dry] { return dry->wanted ? dry_run(settings, dry->flops_per_second) : train(settings, common); };
  });
}

}  // namespace erg::tools
