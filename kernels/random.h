// Noise as a pure function of (seed, stream, step, element): the same on every device, for any number of threads.
//
// Element e of a draw is word e % 4 of Philox4x32-10 (philox.h) with counter (e/4 low, e/4 high, step, stream) and the
// 64-bit seed as its key. Normals come from words (0,1) and (2,3) by Box-Muller. The step word lives in device memory,
// so a captured graph draws fresh noise each time it is replayed.
//
// A launch may cover any part of a draw: its element i is element `first` + i of the draw. Whoever runs only some rows
// of a batch thereby gives them the numbers they have in the whole batch.
#pragma once

#include "kernel.h"

namespace erg::kernels {

/// Which draw: everything that its numbers depend on, besides the element.
struct NoiseKey {
  uint64_t seed;
  uint32_t stream;
  const uint32_t* step;  // in the device's memory
  int64_t first = 0;     // the draw's element that is the launch's element 0
};

/// y[i] ~ N(0, 1) for i < n.
ERG_KERNEL(normal, const NoiseKey& key, int64_t n, real* y);
double bytes_of(decltype(normal)&, const NoiseKey&, int64_t n, const auto&...) { return bytes_of_reals(n); }

/// y[i] ~ U[low, high) for i < n.
ERG_KERNEL(uniform, const NoiseKey& key, int64_t n, real low, real high, real* y);
double bytes_of(decltype(uniform)&, const NoiseKey&, int64_t n, const auto&...) { return bytes_of_reals(n); }

/// step += draws (wrapping), in the device's memory.
ERG_KERNEL(advance_, uint32_t draws, uint32_t* step);

}  // namespace erg::kernels
