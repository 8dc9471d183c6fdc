// Refiners by name: what `erg sample RUN --refiner` offers. Those that chains make (DDLS, DG-flow) are put together
// here, of an energy of models/ and a sampler.
#pragma once

#include "../models/refiner.h"
#include "sampling.h"

namespace erg::tools {

struct RefinerSettings {
  std::string refiner = {};  // empty: none
  std::string calibrate = "none", divergence = "kl", space = "latent";
  int64_t steps = 0;     // 0: the paper's
  double step_size = 0;  // 0: the paper's
  double percentile = 95;
};

std::vector<std::string> refiner_names();
std::vector<std::string> calibrator_names();
/// Declares the settings on a command.
void add_refiner_settings(CLI::App& command, RefinerSettings& settings);

/// `count` samples of a run's GAN, refined; unless quiet, says on stderr what that took. The real samples that
/// calibration and MH-GAN want are held out: DataOptions.
/// Throws UsageError for a system without a discriminator, for settings that make no refiner and for a refiner that
/// gave up, DivergedError as erg::advance does.
Tensor refine(const RefinerSettings& settings, const TrainedRun& run, int64_t count, uint64_t seed, bool quiet);

}  // namespace erg::tools
