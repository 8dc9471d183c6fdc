// What every benchmark is told.
#pragma once

#include <string>

#include "../../engine/device.h"

namespace erg::tools {

struct BenchOptions {
  Device device;
  std::string only;  // a workload or kernel; all if empty
  int64_t repeats = 10;
  uint64_t seed = 1;
  bool small = false;  // reduced sizes
  bool quiet = false;

  bool on_gpu() const { return device.kind == Device::Kind::cuda; }
};

}  // namespace erg::tools
