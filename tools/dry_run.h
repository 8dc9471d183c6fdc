// erg train --dry-run: what a run takes, without running it.
//
// A real training step is taken with every kernel left out (kernels::Trace::dry): the engine sees all shapes and asks
// for all the memory, and nothing is computed. So FLOPs and memory are those of the run itself, whatever the system.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "../engine/shape.h"
#include "settings.h"

namespace erg::tools {

struct RunCost {
  std::vector<std::pair<std::string, int64_t>> parameters;  // of each network
  int64_t state_bytes = 0;                                  // weights, optimisers, chains: what is held between steps
  int64_t peak_bytes = 0;                                   // of a step, with what the pool keeps for the next one
  double flops_of_step = 0;  // of matrix products and convolutions, multiplications and additions counted apart
};

/// A minibatch of the settings' data: [batch, ...sample]. Throws UsageError for an unknown set.
Shape batch_shape(const Settings& settings);

/// The cost of a run with these settings, of its second step, the first being special to some systems. Needs no data.
/// Throws as make_trainer, std::bad_alloc where the device has not the memory.
RunCost cost_of(const Settings& settings);

/// FLOP/s of a product of two square matrices on a device: what convolutions come near to, and nothing goes beyond.
double measured_rate(Device device);

/// Prints settings, networks, memory, FLOPs and hours to stdout. The rate is measured unless it is given (> 0).
int dry_run(const Settings& settings, double flops_per_second);

}  // namespace erg::tools
