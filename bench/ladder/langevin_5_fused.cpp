// Rung 5: one pass. The noise of a part is used while it is in the first-level cache, and never becomes an array.
#include <algorithm>

#include "kernels/math.h"
#include "noise_vectors.h"

namespace erg::ladder {

void langevin_5_fused(const Stream&, const LangevinUpdate& s, const NoiseKey& key, int64_t n, const real* __restrict g,
                      real*, real* __restrict x) {
  const LangevinUpdate step = s;  // a copy: what is behind a reference could change with each x[i]
  for (int64_t first = 0; first < n; first += part_size) {
    alignas(64) real z[part_size];
    draw_part(key, first, z);
    const int64_t last = std::min(first + part_size, n);
    for (int64_t i = first; i < last; ++i) {
      const real moved = x[i] - step.drift * math::clamp(g[i], -step.grad_clip, step.grad_clip);
      x[i] = math::clamp(moved + step.noise * z[i - first], step.low, step.high);
    }
  }
}

}  // namespace erg::ladder
