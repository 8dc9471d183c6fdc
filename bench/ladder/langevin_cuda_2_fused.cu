// CUDA rung 2: one kernel. Noise is made in registers, where it is used; x and g are read once and x is written once,
// 12 bytes an element, and two launches are saved.
//
// A thread still scrambles a whole block for one element: four times the arithmetic that the words need.
#include "langevin_elements.cuh"

namespace erg::ladder {

namespace {

constexpr int threads = 256;

__global__ void __launch_bounds__(threads)
    step_elements(LangevinUpdate s, NoiseKey key, int64_t n, const real* g, real* x) {
  const int64_t i = int64_t(blockIdx.x) * threads + threadIdx.x;
  if (i < n) x[i] = math::clamp(moved(s, x[i], g[i], normal_at(key, i)), s.low, s.high);
}

}  // namespace

void langevin_cuda_2_fused(const Stream& stream, const LangevinUpdate& s, const NoiseKey& key, int64_t n, const real* g,
                           real*, real* x) {
  using namespace kernels::cuda;
  launch(step_elements, unsigned(ceil_div(n, threads)), threads, 0, stream, s, key, n, g, x);
}

}  // namespace erg::ladder
