// CUDA rung 1: three kernels, as one would write the step with a library of array operations: draw noise, move, clamp.
// A thread has one element.
//
// Memory is what they wait for: the noise is written and read, x is read and written twice: 28 bytes an element where
// 12 would do. And each thread scrambles a whole block of Philox for one of its four words' normals.
#include "langevin_elements.cuh"

namespace erg::ladder {

namespace {

constexpr int threads = 256;

__device__ __forceinline__ int64_t element() { return int64_t(blockIdx.x) * threads + threadIdx.x; }

__global__ void draw_pass(NoiseKey key, int64_t n, real* z) {
  const int64_t i = element();
  if (i < n) z[i] = normal_at(key, i);
}

__global__ void move_pass(LangevinUpdate s, int64_t n, const real* g, const real* z, real* x) {
  const int64_t i = element();
  if (i < n) x[i] = moved(s, x[i], g[i], z[i]);
}

__global__ void clamp_pass(LangevinUpdate s, int64_t n, real* x) {
  const int64_t i = element();
  if (i < n) x[i] = math::clamp(x[i], s.low, s.high);
}

}  // namespace

void langevin_cuda_1_passes(const Stream& stream, const LangevinUpdate& s, const NoiseKey& key, int64_t n,
                            const real* g, real* workspace, real* x) {
  using namespace kernels::cuda;
  const unsigned blocks = unsigned(ceil_div(n, threads));
  launch(draw_pass, blocks, threads, 0, stream, key, n, workspace);
  launch(move_pass, blocks, threads, 0, stream, s, n, g, workspace, x);
  launch(clamp_pass, blocks, threads, 0, stream, s, n, x);
}

}  // namespace erg::ladder
