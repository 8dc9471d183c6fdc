// Mode coverage of 2-D samples: how many modes of a mixture a model found, and how much of what it draws is near one.
#pragma once

#include "data.h"

namespace erg::tools {

struct ModeCount {
  int found = 0, total = 0;  // modes with at least one high-quality sample
  double high_quality = 0;   // share of samples within `radius` deviations of their nearest mode
};

/// samples: [B,2]. A sample is of high quality if it lies within `radius` standard deviations of the nearest mode
/// (PacGAN's protocol has 3; the data itself scores 98.9 %). NaN samples are of no quality.
ModeCount count_modes(const Mixture& mixture, const Tensor& samples, double radius = 3);

}  // namespace erg::tools
