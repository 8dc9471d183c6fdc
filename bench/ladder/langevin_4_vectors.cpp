// Rung 4: vectors. The normals of 256 blocks are made by short loops without branches, eight lanes at a time
// (noise_vectors.h), into an array as long as x; a second loop moves x.
//
// The noise goes to memory and comes back: 8 bytes an element beside the 12 that x and g need.
#include <algorithm>

#include "kernels/math.h"
#include "noise_vectors.h"

namespace erg::ladder {

void langevin_4_vectors(const Stream&, const LangevinUpdate& s, const NoiseKey& key, int64_t n, const real* g,
                        real* workspace, real* x) {
  for (int64_t first = 0; first < n; first += part_size) {
    alignas(64) real z[part_size];
    draw_part(key, first, z);
    std::copy_n(z, std::min<int64_t>(part_size, n - first), workspace + first);
  }
  for (int64_t i = 0; i < n; ++i) {
    const real moved = x[i] - s.drift * math::clamp(g[i], -s.grad_clip, s.grad_clip);
    x[i] = math::clamp(moved + s.noise * workspace[i], s.low, s.high);
  }
}

}  // namespace erg::ladder
