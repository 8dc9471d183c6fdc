// Noise in tiles, the form in which CPU kernels draw it (noise_tile.inl): whole tiles vectorise, and an element's value
// cannot depend on where a draw begins or ends, because a partial tile is computed in full and cut. A tile is as large
// as the instruction set's registers want it; here is what holds for all of them.
#pragma once

#include <utility>

#include "../philox.h"
#include "../random.h"
#include "parallel.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace erg::kernels::cpu {

/// How many elements one task draws: a whole number of tiles.
constexpr int64_t noise_grain = 8192;

/// Calls f(begin, end) for pieces of the draw's elements [key.first, key.first + n). Every piece but the first begins
/// at the start of a tile.
template <class F>
void for_each_noise_piece(const NoiseKey& key, int64_t n, const F& f) {
  const int64_t start = key.first / noise_grain * noise_grain;
  parallel_for(key.first + n - start, noise_grain,
               [&](int64_t begin, int64_t end) { f(std::max(key.first, start + begin), start + end); });
}

}  // namespace erg::kernels::cpu
