// Ceilings: what this machine can do at most, measured with loops that do nothing else, on as many threads as the
// kernels use and at their instruction set. A workload's rate is told as a fraction of the one that binds it.
#pragma once

#include <string>

#include "timing.h"

namespace erg::tools {

struct Ceiling {
  std::string name, unit;
  double work;  // billions of the unit in a call
  Timed timed;

  double rate() const { return work / timed.median(); }
};

/// GFLOP/s of multiply-adds whose operands stay in registers.
Ceiling multiply_add_peak();
/// GB/s of the triad x += s y over n elements, each read twice and written once, as a Langevin update's are.
Ceiling triad_bandwidth(const std::string& name, int64_t n);

}  // namespace erg::tools
