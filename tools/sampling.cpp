#include "sampling.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>

#include "../engine/io/checkpoint.h"
#include "../samplers/adapt.h"
#include "../samplers/annealed.h"
#include "../samplers/hmc.h"
#include "../samplers/mala.h"
#include "../samplers/preconditioned.h"
#include "../samplers/tempering.h"
#include "../samplers/underdamped.h"
#include "data.h"
#include "error.h"
#include "options.h"
#include "run.h"

namespace erg::tools {

namespace {

template <Sampler S>
constexpr bool is_tempering = std::is_same_v<S, ParallelTempering>;

template <Sampler S>
Chains chains_for(const S& sampler, const Tensor& start) {
  if constexpr (is_tempering<S>) return sampler.replicate(start);
  return Chains(start);
}

template <Sampler S>
class SamplingOf : public Sampling {
 public:
  SamplingOf(S sampler, const SamplerSettings& settings, const Target& target, int64_t chains, Noise noise)
      : sampler_(std::move(sampler)),
        energy_(target.energy),
        noise_(std::move(noise)),
        chains_(chains_for(sampler_, target.start(chains, noise_))) {
    sampler_.check();
    if constexpr (requires { warm_up(sampler_, real(), energy_, chains_, 0, noise_); })
      warm_up(sampler_, real(settings.target), energy_, chains_, settings.warm_up, noise_);
    else
      erg::advance(sampler_, energy_, chains_, settings.warm_up, noise_);
  }

  Tensor advance(int64_t steps) override {
    keep_acceptance(erg::advance(sampler_, energy_, chains_, steps, noise_).acceptance);
    return asked_for(chains_.x).clone();
  }

  Draws record(int64_t draws, int64_t thin) override {
    Draws kept = erg::record(sampler_, energy_, chains_, draws, thin, noise_);
    keep_acceptance(kept.acceptance);
    return {.x = asked_for(kept.x),
            .energy = asked_for(kept.energy),
            .acceptance = kept.acceptance ? asked_for(kept.acceptance) : Tensor(),
            .hamiltonian = kept.hamiltonian};
  }

  std::string report() const override {
    if (acceptance_ < 0) return "";
    char text[80];
    std::snprintf(text, sizeof text, "step size %.3g, acceptance %.2f",
                  double(mean(chains_.step_or(step_size())).item()), acceptance_);
    return text;
  }

 private:
  /// Of replicas, those at the first temperature.
  Tensor asked_for(const Tensor& rows) const {
    if constexpr (is_tempering<S>) return sampler_.at(rows, 0);
    return rows;
  }
  real step_size() const {
    if constexpr (requires { sampler_.step_size; }) return sampler_.step_size;
    return 0;
  }
  void keep_acceptance(const Tensor& acceptance) {
    if (acceptance && acceptance.size() > 0) acceptance_ = double(mean(acceptance).item());
  }

  S sampler_;
  Energy energy_;
  Noise noise_;
  Chains chains_;
  double acceptance_ = -1;  // unknown
};

// ---- The samplers by name

struct Wanted {
  const SamplerSettings& settings;
  const Target& target;
  int64_t chains, steps;
  Noise noise;
  real step;
};

/// The time step in which second-order dynamics move as far as Langevin dynamics do by theirs.
real time_step(const Wanted& w) { return w.settings.step_size > 0 ? w.step : std::sqrt(2 * w.step); }

template <Sampler S>
std::unique_ptr<Sampling> start(S sampler, const Wanted& w) {
  return std::make_unique<SamplingOf<S>>(std::move(sampler), w.settings, w.target, w.chains, w.noise);
}

std::unique_ptr<Sampling> start_ddls(const Wanted& w) {
  if (w.target.space != "latent")
    throw UsageError("--sampler ddls moves a generator's input, and these chains are in " + w.target.space + " space");
  return start(w.settings.step_size > 0 ? Langevin::ddls(w.step) : Langevin::exact(w.step), w);
}

/// From the highest temperature down, over the warm-up if there is one: what is kept then has the last law.
std::unique_ptr<Sampling> start_annealed(const Wanted& w) {
  const std::vector<double>& rising = w.settings.temperatures;
  std::vector<Langevin> levels = temperature_ladder(w.step, {rising.rbegin(), rising.rend()});
  for (Langevin& level : levels) level.low = w.target.low, level.high = w.target.high;
  const int64_t steps = w.settings.warm_up > 0 ? w.settings.warm_up : w.steps;
  return start(Annealed{levels, std::max<int64_t>(1, steps / int64_t(levels.size()))}, w);
}

std::unique_ptr<Sampling> start_langevin(const Wanted& w) {
  Langevin langevin = Langevin::exact(w.step);
  langevin.low = w.target.low, langevin.high = w.target.high;
  return start(langevin, w);
}

std::unique_ptr<Sampling> start_hmc(const Wanted& w) {
  return start(Hmc{.step_size = time_step(w), .leapfrog_steps = int(w.settings.leapfrog), .jitter = real(0.3)}, w);
}

std::unique_ptr<Sampling> start_tempering(const Wanted& w) {
  return start(ParallelTempering{{w.settings.temperatures.begin(), w.settings.temperatures.end()}, w.step}, w);
}

struct Row {
  const char* name;
  std::unique_ptr<Sampling> (*start)(const Wanted&);
};

const Row rows[] = {
    {"langevin", start_langevin},
    {"ddls", start_ddls},
    {"mala", [](const Wanted& w) { return start(Mala{w.step}, w); }},
    {"hmc", start_hmc},
    {"underdamped",
     [](const Wanted& w) {
       return start(Underdamped{time_step(w), real(w.settings.friction)}, w);
     }},
    {"preconditioned", [](const Wanted& w) { return start(Preconditioned{.eta = w.step}, w); }},
    {"annealed", start_annealed},
    {"tempering", start_tempering},
};

}  // namespace

std::vector<std::string> sampler_names() {
  std::vector<std::string> names;
  for (const Row& row : rows) names.emplace_back(row.name);
  return names;
}

void add_sampler_settings(CLI::App& command, SamplerSettings& s) {
  command.add_option("--space", s.space, "Where chains move, latent or data; by default where the system's paper does");
  command.add_option("--step-size", s.step_size, "Step size of the sampler; by default one that suits the system")
      ->check(positive())
      ->default_str("");
  command
      .add_option("--warm-up", s.warm_up,
                  "Steps before those that count; mala and hmc find each chain's step size in them")
      ->check(at_least(0));
  command.add_option("--target", s.target, "mala, hmc: share of accepted proposals to find it for");
  command
      .add_option("--leapfrog", s.leapfrog,
                  "hmc: leapfrog steps a proposal; their size is drawn within 30 % of the step size")
      ->check(at_least(1));
  command.add_option("--friction", s.friction, "underdamped: friction per unit of time")->check(positive());
  command
      .add_option("--temperatures", s.temperatures,
                  "tempering: one a replica, rising; annealed: from the last to the first")
      ->delimiter(',')
      ->check(positive());
}

std::unique_ptr<Sampling> start_sampling(const SamplerSettings& settings, const TrainedRun& run, int64_t chains,
                                         int64_t steps, uint64_t seed) {
  const Target target = run.target(settings.space);
  const Noise noise(seed, "chains", device_of(run.settings));
  const real step = settings.step_size > 0 ? real(settings.step_size) : target.step_size;
  for (const Row& row : rows) {
    if (settings.sampler != row.name) continue;
    try {
      return row.start({settings, target, chains, steps, noise, step});
    } catch (const std::invalid_argument& error) { throw UsageError(error.what()); }
  }
  throw UsageError("unknown sampler '" + settings.sampler + "'; there are " + join(sampler_names()));
}

TrainedRun::TrainedRun(const std::filesystem::path& directory, const std::string& device)
    : settings(read_config(directory / "config.ini")) {
  settings.device = device;
  trainer = make_trainer(settings, sample_shape(settings.data));
  take_newest_checkpoint(directory, [&](const std::filesystem::path& file) { io::load(file, *trainer); });
}

Target TrainedRun::target(const std::string& space) const {
  std::vector<std::string> spaces;
  for (const Target& target : trainer->targets()) {
    if (space.empty() || space == target.space) return target;
    spaces.push_back(target.space);
  }
  if (spaces.empty()) throw UsageError(settings.system + " has no law that chains could follow");
  throw UsageError("--space " + space + ": " + settings.system + " has chains in " + join(spaces) + " space");
}

}  // namespace erg::tools
