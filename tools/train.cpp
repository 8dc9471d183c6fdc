// erg train SYSTEM --data SET: trains, with progress, pictures and checkpoints; or says what that would take.
#include <CLI/CLI.hpp>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <optional>

#include "../engine/io/checkpoint.h"
#include "../engine/io/error.h"
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

class Training {
 public:
  Training(const Settings& settings, bool quiet)
      : settings_(settings),
        device_(device_of(settings)),
        data_(open_data(settings.data, settings.data_dir, settings.seed,
                        {.dequantise = settings.dequantise, .labels = settings.labels})),
        trainer_(make_trainer(settings, sample_shape(settings.data))),
        progress_(settings.system + " on " + settings.data, settings.steps, quiet) {
    if (!settings.resume.empty()) resume();
    const int64_t parameters = count_params(*trainer_), done = int64_t(step_);
    directory_.emplace(settings.resume.empty() ? RunDirectory(settings, parameters)
                                               : RunDirectory(settings, parameters, done));
  }

  /// Trains to the last step, or to a signal.
  int go() {
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
    while (int64_t(step_) < settings_.steps) {
      ++step_;
      const Metrics metrics = step();
      const bool last = int64_t(step_) == settings_.steps || stop_signal;
      if (last || due(log_every()) || progress_.due(int64_t(step_))) report(metrics);
      if (trainer_->has_samples() && (last || due(every(settings_.sample_every)))) picture();
      if (last || due(every(settings_.checkpoint_every)))
        directory_->save_checkpoint(int64_t(step_), io::state_of(entries(*this)), settings_.keep);
      if (stop_signal) {
        std::fprintf(stderr, "\nerg: stopped at step %lld after a checkpoint; go on with 'erg train --resume %s'\n",
                     static_cast<long long>(step_), settings_.out.c_str());
        return 128 + stop_signal;
      }
    }
    std::printf("%s\n", settings_.out.c_str());
    return Exit::ok;
  }

  /// All that the next step depends on.
  void visit(Visitor& v) {
    trainer_->visit(v);
    v.sub("data", *data_);
    v.counter("step", step_);
  }

 private:
  /// Takes the newest checkpoint that can be read.
  void resume() {
    check_resumable(settings_);
    std::exception_ptr newest_error;
    for (const std::filesystem::path& file : checkpoints(settings_.resume)) {
      try {
        check_checkpoint(file);
        io::load(file, *this);
        if (newest_error) std::fprintf(stderr, "erg: going on from an older checkpoint, %s\n", file.c_str());
        if (int64_t(step_) >= settings_.steps)
          throw UsageError("--resume " + settings_.resume + ": all its " + std::to_string(settings_.steps) +
                           " steps are done; ask for more with --steps");
        return;
      } catch (const io::DataError& error) {
        std::fprintf(stderr, "erg: %s\n", error.what());
        if (!newest_error) newest_error = std::current_exception();
      }
    }
    std::rethrow_exception(newest_error);
  }

  Metrics step() {
    const auto next = [&] { return data_->next(settings_.batch).to(device_); };
    const auto next_labelled = [&] {
      const Labelled batch = data_->next_labelled(settings_.batch);
      return Labelled{batch.x.to(device_), batch.y.to(device_)};
    };
    trainer_->set_rate(real(rate_at(settings_, int64_t(step_))));
    return trainer_->step(next, next_labelled);
  }

  void report(const Metrics& metrics) {
    const int64_t step = int64_t(step_);
    const Values values = read(metrics);
    progress_.update(step, values);
    directory_->log(step, values);
    check_finite(settings_, step, values);
    if (const auto alarm = alarms_.see(values)) {
      progress_.tell("step " + std::to_string(step) + ": " + *alarm);
      directory_->log_event(step, *alarm);
    }
  }

  void picture() {
    const int64_t pictured = sample_shape(settings_.data).rank() == 3 ? 100 : 5000;
    Noise fixed(settings_.seed, "pictures", device_);  // the same latent points each time, so pictures can be compared
    directory_->save_samples(int64_t(step_),
                             sample_picture(trainer_->sample(pictured, fixed), mixture_of(settings_.data)));
  }

  bool due(int64_t interval) const { return int64_t(step_) % interval == 0; }
  int64_t every(int64_t wish) const { return wish > 0 ? wish : std::max<int64_t>(1, settings_.steps / 10); }
  /// Odd: what changes sign at each step is seen to.
  int64_t log_every() const { return std::max<int64_t>(1, settings_.steps / 1000) | 1; }

  const Settings& settings_;
  Device device_;
  std::unique_ptr<Data> data_;
  std::unique_ptr<Trainer> trainer_;
  Progress progress_;
  Alarms alarms_;
  std::optional<RunDirectory> directory_;
  uint64_t step_ = 0;  // done
};

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
    run = [&, dry] {
      return dry->wanted ? dry_run(settings, dry->flops_per_second) : Training(settings, common.quiet).go();
    };
  });
}

}  // namespace erg::tools
