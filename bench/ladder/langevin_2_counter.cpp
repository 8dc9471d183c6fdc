// Rung 2: noise as a function of a counter. Philox scrambles (element / 4, step, stream) under the seed; Box-Muller
// makes a normal of two of the four words. There is no state: elements can be computed in any order, by anybody, and
// a draw can be repeated from its key alone.
//
// Written for one element, this computes each block of four words four times, and of each pair of normals, which has
// its logarithm in common, one at a time.
#include <cmath>

#include "kernels/math.h"
#include "kernels/philox.h"
#include "ladder.h"

namespace erg::ladder {

namespace {

constexpr real pi = real(3.14159265358979323846);

/// N(0, 1) for one element of a draw.
real normal_at(const NoiseKey& key, int64_t element) {
  const philox::Block block = philox::draw(uint64_t(element / 4), *key.step, key.stream, key.seed);
  const uint32_t* words = block.word + element % 4 / 2 * 2;
  const real u = (real(words[0]) + real(0.5)) * real(0x1p-32);
  const real angle = pi * real(int32_t(words[1])) * real(0x1p-31);
  const real radius = std::sqrt(-2 * std::log(u));
  return radius * (element % 2 == 0 ? std::cos(angle) : std::sin(angle));
}

}  // namespace

void langevin_2_counter(const Stream&, const LangevinUpdate& s, const NoiseKey& key, int64_t n, const real* g, real*,
                        real* x) {
  for (int64_t i = 0; i < n; ++i) {
    const real moved = x[i] - s.drift * math::clamp(g[i], -s.grad_clip, s.grad_clip);
    x[i] = math::clamp(moved + s.noise * normal_at(key, i), s.low, s.high);
  }
}

}  // namespace erg::ladder
