// Rung 1: the standard library. std::mt19937 makes words, std::normal_distribution makes normals of them: pairs of
// uniforms until one falls into the unit circle (more than one in five does not), then a logarithm and a square root.
//
// The generator has a state that each number changes: no two can be made at once, by lanes or by threads, and which
// number an element gets depends on all before it. Whether a pair is taken is a branch that nobody can foresee.
#include <random>

#include "kernels/math.h"
#include "ladder.h"

namespace erg::ladder {

void langevin_1_std(const Stream&, const LangevinUpdate& s, const NoiseKey& key, int64_t n, const real* g, real*,
                    real* x) {
  std::seed_seq seed{uint32_t(key.seed), uint32_t(key.seed >> 32), key.stream, *key.step};
  std::mt19937 generator(seed);
  std::normal_distribution<real> normal;
  for (int64_t i = 0; i < n; ++i) {
    const real moved = x[i] - s.drift * math::clamp(g[i], -s.grad_clip, s.grad_clip);
    x[i] = math::clamp(moved + s.noise * normal(generator), s.low, s.high);
  }
}

}  // namespace erg::ladder
