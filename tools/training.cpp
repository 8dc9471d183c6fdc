#include "training.h"

#include <cmath>
#include <csignal>
#include <cstdio>
#include <optional>

#include "../engine/io/checkpoint.h"
#include "../engine/io/error.h"
#include "../engine/io/file.h"
#include "../samplers/chains.h"
#include "alarms.h"
#include "data.h"
#include "error.h"
#include "picture.h"
#include "recipes/recipes.h"
#include "report/report.h"
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

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

/// What of these values says that training has diverged, if anything.
std::optional<std::string> divergence_of(const Values& values) {
  constexpr double runaway = 1e8;
  for (const auto& [name, value] : values)
    if (!(std::abs(value) < runaway)) return name + " is " + number_text(value);
  return {};
}

/// A copy of everything on the host, which training no longer changes.
io::StateDict snapshot(std::span<const Visitor::Entry> entries) {
  io::StateDict state = io::state_of(entries);
  for (auto& [name, tensor] : state.tensors)
    tensor = tensor.device() == cpu_device ? tensor.clone() : tensor.to(cpu_device);
  return state;
}

std::optional<std::string> divergence_of(const io::StateDict& state) {
  for (const auto& [name, tensor] : state.tensors)
    for (const real value : tensor.to_host())
      if (!std::isfinite(value)) return "a number of " + name + " is " + number_text(double(value));
  return {};
}

class Training {
 public:
  Training(const Settings& settings, bool quiet)
      : settings_(settings),
        device_(device_of(settings)),
        progress_(settings.system + " on " + settings.data, settings.steps, quiet) {
    if (settings.resume.empty()) {
      build();
      directory_.emplace(settings, count_params(*trainer_));
    } else {
      resume();
      directory_.emplace(settings, count_params(*trainer_), int64_t(step_));
    }
    if (settings.guard) good_ = snapshot(entries(*this));
  }

  /// Trains to the last step, or to a signal.
  int go() {
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
    while (int64_t(step_) < settings_.steps) {
      try {
        step();
      } catch (const DivergedError& error) {  // a sampler's
        roll_back(error.what());
      } catch (const TrainingDivergedError& error) { roll_back(error.what()); }
      if (stop_signal) {
        checkpoint();
        std::fprintf(stderr, "\nerg: stopped at step %lld after a checkpoint; go on with 'erg train --resume %s'\n",
                     static_cast<long long>(step_), settings_.out.c_str());
        return 128 + stop_signal;
      }
    }
    std::printf("%s\n", settings_.out.c_str());
    return Exit::ok;
  }

  /// All that the next step depends on, but for what the settings say.
  void visit(Visitor& v) {
    trainer_->visit(v);
    v.sub("data", *data_);
    v.counter("step", step_);
    v.counter("rollbacks", rollbacks_);
  }

 private:
  /// After a rollback everything random follows another seed.
  void build() {
    Settings now = settings_;
    now.seed += rollbacks_;
    data_ = open_data(now.data, now.data_dir, now.seed, {.dequantise = now.dequantise, .labels = now.labels});
    trainer_ = make_trainer(now, sample_shape(now.data));
  }

  void build_from(const io::StateDict& state) {
    rollbacks_ = state.counter("rollbacks");
    build();
    io::restore(entries(*this), state);
  }

  /// Takes the newest checkpoint that can be read.
  void resume() {
    check_resumable(settings_);
    take_newest_checkpoint(settings_.resume,
                           [&](const std::filesystem::path& file) { build_from(io::read_safetensors(file)); });
    if (int64_t(step_) >= settings_.steps)
      throw UsageError("--resume " + settings_.resume + ": all its " + std::to_string(settings_.steps) +
                       " steps are done; ask for more with --steps");
  }

  /// Back to where all was well. Throws TrainingDivergedError where that is not wanted, or no longer.
  void roll_back(const std::string& reason) {
    constexpr uint64_t allowed = 3;
    const std::string what = settings_.system + " diverged: " + reason + " at step " + std::to_string(step_);
    if (!settings_.guard || rollbacks_ >= allowed)
      throw TrainingDivergedError(what + "; try a smaller --rate, or another --seed");
    const int64_t diverged_at = int64_t(step_);
    good_.set_counter("rollbacks", rollbacks_ + 1);
    build_from(good_);
    const std::string line = what + "; back to step " + std::to_string(step_) + ", with other noise";
    progress_.tell(line);
    directory_->log_event(diverged_at, line);
  }

  void step() {
    ++step_;
    const Metrics metrics = learn();
    const bool last = int64_t(step_) == settings_.steps;
    const bool keep = last || due(every(settings_.checkpoint_every)), logged = keep || due(log_every());
    if (logged || progress_.due(int64_t(step_))) report(metrics, logged);
    if (keep) checkpoint();
    if (trainer_->has_samples() && (last || due(every(settings_.sample_every)))) picture();
  }

  void checkpoint() {
    io::StateDict state = snapshot(entries(*this));
    if (const auto wrong = settings_.guard ? divergence_of(state) : std::nullopt) throw TrainingDivergedError(*wrong);
    directory_->save_checkpoint(int64_t(step_), state, settings_.keep);
    good_ = std::move(state);
  }

  Metrics learn() {
    const auto next = [&] { return data_->next(settings_.batch).to(device_); };
    const auto next_labelled = [&] {
      const Labelled batch = data_->next_labelled(settings_.batch);
      return Labelled{batch.x.to(device_), batch.y.to(device_)};
    };
    trainer_->set_rate(real(rate_at(settings_, int64_t(step_))));
    return trainer_->step(next, next_labelled);
  }

  /// What is logged does not depend on the clock, as the progress line does.
  void report(const Metrics& metrics, bool logged) {
    const int64_t step = int64_t(step_);
    const Values values = read(metrics);
    progress_.update(step, values);
    if (logged) directory_->log(step, values);
    if (const auto wrong = divergence_of(values)) throw TrainingDivergedError(*wrong);
    if (!logged) return;
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
  uint64_t step_ = 0, rollbacks_ = 0;
  io::StateDict good_;  // the last checkpoint
};

}  // namespace

int train(const Settings& settings, bool quiet) {
  const int code = Training(settings, quiet).go();
  // The training is done and kept, whatever becomes of a page about it.
  try {
    const std::filesystem::path page = std::filesystem::path(settings.out) / "report.html";
    if (!quiet) std::fprintf(stderr, "erg: writing %s\n", page.c_str());
    io::atomic_write(page, report_page({settings.out}, settings.device, /*with_chains=*/code == Exit::ok));
  } catch (const std::exception& error) { std::fprintf(stderr, "erg: no report: %s\n", error.what()); }
  return code;
}

}  // namespace erg::tools
