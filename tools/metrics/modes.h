// Mode coverage: how many modes of a mixture, or classes of digits, samples show, and how evenly.
#pragma once

#include <span>

#include "../data.h"
#include "divergence.h"

namespace erg::tools {

/// The coverage of a mixture in the plane.
struct ModeCount {
  int found = 0, total = 0;     // modes with at least one high-quality sample
  double high_quality = 0;      // share of samples within `radius` deviations of their nearest mode
  double spread = 0;            // of these, per coordinate about the mode, in deviations; 0 if there are none
  std::vector<int64_t> counts;  // high-quality samples of each mode
};

/// samples: [B,2]. A sample is of high quality if it lies within `radius` standard deviations of the nearest mode: 3 in
/// PacGAN's code (Lin et al. 2018; 2,500 samples there), 4 with 10,000 samples as DRS, MH-GAN and DDLS are cited for
/// (their papers' own words were not at hand). NaN samples are of no quality. Throws std::invalid_argument for another
/// shape.
ModeCount count_modes(const Mixture& mixture, const Tensor& samples, double radius = 3);

/// What n samples of the mixture itself score in expectation, if its modes are farther than 2 radii apart.
struct IdealModes {
  double found, high_quality, spread, entropy, js;  // the last two of the coverage's histogram, against uniform
};
IdealModes ideal_modes(const Mixture& mixture, int64_t n, double radius);

/// The class of every stack of `channels` images, as a number with one decimal digit an image (the first the highest):
/// StackedMNIST's mode (Srivastava et al. 2017, Metz et al. 2017). `digits` holds N * channels classes from 0 to 9.
/// Returns how often each of the 10^channels modes occurs. Throws std::invalid_argument for what does not divide.
std::vector<int64_t> count_stacks(std::span<const uint8_t> digits, int channels);

/// The distribution of stacks whose images are drawn independently with these frequencies of the digits.
Probabilities stack_probabilities(const Probabilities& digits, int channels);

}  // namespace erg::tools
