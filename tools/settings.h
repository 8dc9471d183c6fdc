// The settings of a training run. options.h has them as options: one list that serves the command line, the config
// file, the help and the run directory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "../engine/device.h"

namespace erg::tools {

/// Of some of them a system takes no notice: its recipe names those that it reads (recipes.h).
struct Settings {
  std::string system{}, data = "25gaussians", data_dir{}, preset = "paper", out{}, device = "auto";
  std::string resume{};      // the run directory that training goes on in, or none
  std::string nets = "mlp";  // networks.h
  int64_t steps = 10000, batch = 64, latent = 2, width = 128;
  double rate = 1e-4, beta1 = 0.9, beta2 = 0.999, adam_clip = 0;  // Adam's
  std::string schedule = "constant";                              // of the rate
  int64_t critic_steps = 1;  // steps of a critic, discriminator or energy for one of a generator
  uint64_t seed = 1;
  int64_t sample_every = 0, checkpoint_every = 0;  // 0: ten times a run
  int64_t keep = 0;                                // checkpoints; 0: all
  bool guard = true;                               // go back to the last checkpoint when training diverges
  double penalty = 0;                              // of the gradient's norm
  bool batch_norm = false;                         // in a discriminator
  bool dequantise = false;                         // of images: data.h
  int64_t labels = 0;                              // of a data set that are known, 0 for all: data.h
  // Systems with a sampler
  double energy_l2 = 0, data_noise = 0;
  double energy_weight = 1;  // log p(x) beside log p(y|x)
  double last_step = 0;
  bool watch_gradient = false;
  std::string chain_start = "buffer";
  int64_t chain_steps = 20, buffer = 10000;
  double chain_step = 0, chain_noise = 0, chain_clip = 0;  // 0: the gradient is not clipped
  bool chain_noise_first = false;
  double restart = 0.05;
  std::string buffer_policy = "in-place";
  bool buffer_bytes = false;
  // Of single systems
  std::string loss{};
  double critic_rate = 0;  // 0: the rate of the generator
  double weight_clip = 0.01;
  int64_t unroll = 5;
  double unroll_rate = 0.01;
  double deviation = 1;  // of a reconstructor's noise
  double entropy = 1;
  int64_t experts = 4;
  bool pixel_penalty = false;
  double margin = 10, pulling_away = 0;
  int64_t layers = 5, critic_layers = 2;  // of EBGAN's grid
  int64_t critic_width = 1024;
  double dropout = 0;                          // in the discriminator
  double cost_weight = 0, ladder_noise = 0.3;  // weight 0: ladders.h
};

/// Throws DeviceError for a device there is not, UsageError for a word that is none.
Device device_of(const Settings& settings);

/// Lets the CPU's kernels use so many threads. Throws UsageError for several in a build that knows only one.
void use_threads(int threads);

/// The learning rate of a step (from 1 to settings.steps) under the schedule: `constant`; `linear`, a straight line
/// from the first step down to zero; `late`, constant for the first half and that line over the second; `last-third`,
/// constant for two thirds.
double rate_at(const Settings& settings, int64_t step);

/// The settings that the system reads, as a config file, which --config and read_config accept. Every number is told
/// in full: what is read back is the same.
std::string to_config(Settings settings);

/// The same by name, in the same order: {"batch", "64"}.
std::vector<std::pair<std::string, std::string>> settings_by_name(const Settings& settings);

/// The settings of a run that goes on: its own, in the same directory. Throws as read_config.
Settings resumed(const std::filesystem::path& run);

/// Reads a run directory's config.ini. Throws io::MissingError or io::DataError.
Settings read_config(const std::filesystem::path& file);

}  // namespace erg::tools
