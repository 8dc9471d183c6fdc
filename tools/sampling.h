// Chains on a trained run's energies: what `erg sample` and `erg diagnose RUN` share.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "../samplers/chains.h"
#include "recipes/recipes.h"

namespace CLI {
class App;
}

namespace erg::tools {

struct SamplerSettings {
  std::string sampler = "langevin";
  std::string space = {};  // empty: the system's first
  double step_size = 0;    // 0: the target's own
  int64_t warm_up = 0;     // steps in which MALA and HMC find the step size with this acceptance
  double target = 0.65;
  int64_t leapfrog = 10;
  double friction = 1;
  std::vector<double> temperatures{1, 2, 4, 8};
};

std::vector<std::string> sampler_names();
/// Declares the settings on a command, but for `sampler` itself.
void add_sampler_settings(CLI::App& command, SamplerSettings& settings);

/// A run's system, at its newest checkpoint.
struct TrainedRun {
  Settings settings;
  std::unique_ptr<Trainer> trainer;

  /// The run need not have been trained on this device. Throws io::MissingError or io::DataError for a directory that
  /// is no run, and as device_of.
  TrainedRun(const std::filesystem::path& directory, const std::string& device);
  /// The target in a space, or the first for an empty name. Throws UsageError where the system has none such.
  Target target(const std::string& space) const;
};

/// A sampler under way, with its chains.
class Sampling {
 public:
  virtual ~Sampling() = default;
  /// Where the chains are after `steps` more steps, [chains,...]; parallel tempering's at its first temperature.
  virtual Tensor advance(int64_t steps) = 0;
  /// Every `thin`-th state of the same chains.
  virtual Draws record(int64_t draws, int64_t thin) = 0;
  /// What the sampler found on its way: "step size 0.0123, acceptance 0.66"; may be empty.
  virtual std::string report() const = 0;
};

/// Starts the sampler that the settings name on a run's target, warmed up, to take about `steps` steps.
/// Throws UsageError for settings that make no sampler, DivergedError as erg::advance does.
std::unique_ptr<Sampling> start_sampling(const SamplerSettings& settings, const TrainedRun& run, int64_t chains,
                                         int64_t steps, uint64_t seed);

}  // namespace erg::tools
