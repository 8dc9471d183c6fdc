// CUDA rung 3: four elements a thread. A block of Philox is four elements, and so are 16 bytes: one scrambling, one
// access to g and two to x do what four threads did, with a quarter of the instructions and of the accesses that must
// be under way to keep the memory busy.
#include "langevin_elements.cuh"

namespace erg::ladder {

namespace {

constexpr int threads = 256;

__global__ void __launch_bounds__(threads)
    step_fours(LangevinUpdate s, NoiseKey key, int64_t n, const real* g, real* x) {
  const int64_t block = int64_t(blockIdx.x) * threads + threadIdx.x, first = 4 * block;
  if (first >= n) return;
  const Four z = normals_at(key, block);
  if (first + 4 <= n) {
    Four& to = *reinterpret_cast<Four*>(x + first);
    Four at = to;
    const Four gradient = *reinterpret_cast<const Four*>(g + first);
    for (int k = 0; k < 4; ++k) at.at[k] = math::clamp(moved(s, at.at[k], gradient.at[k], z.at[k]), s.low, s.high);
    to = at;
  } else {
    for (int k = 0; k < 4; ++k)  // to a constant: otherwise z would be in memory, not in registers
      if (first + k < n) x[first + k] = math::clamp(moved(s, x[first + k], g[first + k], z.at[k]), s.low, s.high);
  }
}

}  // namespace

void langevin_cuda_3_fours(const Stream& stream, const LangevinUpdate& s, const NoiseKey& key, int64_t n, const real* g,
                           real*, real* x) {
  using namespace kernels::cuda;
  launch(step_fours, unsigned(ceil_div(ceil_div(n, 4), threads)), threads, 0, stream, s, key, n, g, x);
}

}  // namespace erg::ladder
