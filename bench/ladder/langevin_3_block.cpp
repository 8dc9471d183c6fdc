// Rung 3: a block at a time. Four words are four normals: one scrambling, two logarithms and two angles for four
// elements, where rung 2 took four of each.
//
// Everything is still done one number after the other. Ten rounds of two multiplications are a chain in which each
// waits for the one before, and the C library's logarithm, sine and cosine are calls that no compiler makes vectors of.
#include <algorithm>
#include <cmath>

#include "kernels/math.h"
#include "kernels/philox.h"
#include "ladder.h"

namespace erg::ladder {

namespace {

constexpr real pi = real(3.14159265358979323846);

/// Two normals of two words.
void box_muller(const uint32_t* words, real* z) {
  const real u = (real(words[0]) + real(0.5)) * real(0x1p-32);
  const real angle = pi * real(int32_t(words[1])) * real(0x1p-31);
  const real radius = std::sqrt(-2 * std::log(u));
  z[0] = radius * std::cos(angle);
  z[1] = radius * std::sin(angle);
}

}  // namespace

void langevin_3_block(const Stream&, const LangevinUpdate& s, const NoiseKey& key, int64_t n, const real* g, real*,
                      real* x) {
  for (int64_t first = 0; first < n; first += 4) {
    const philox::Block block = philox::draw(uint64_t(first / 4), *key.step, key.stream, key.seed);
    real z[4];
    box_muller(block.word, z);
    box_muller(block.word + 2, z + 2);
    for (int64_t i = first; i < std::min(first + 4, n); ++i) {
      const real moved = x[i] - s.drift * math::clamp(g[i], -s.grad_clip, s.grad_clip);
      x[i] = math::clamp(moved + s.noise * z[i - first], s.low, s.high);
    }
  }
}

}  // namespace erg::ladder
