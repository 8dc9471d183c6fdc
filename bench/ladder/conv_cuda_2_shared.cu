// CUDA rung 2: tiles in shared memory. A block computes 16 pixels by 16 channels. It walks along k in steps of 16: all
// threads bring one element of each operand to shared memory, wait for each other, and multiply. What was loaded once
// is used 16 times.
//
// Now shared memory is the bottleneck: a multiply-add still takes two loads, only from nearer by.
#include "conv_product.cuh"

namespace erg::ladder {

namespace {

constexpr int tile = k_tile, threads = tile * tile;

__global__ void __launch_bounds__(threads) conv_shared(ConvProduct product, real* y) {
  ERG_SHARED(real, shared);
  real* const a = shared;            // [pixel][k]
  real* const b = shared + threads;  // [k][channel]
  const int row = int(threadIdx.x) / tile, column = int(threadIdx.x) % tile;
  const int64_t pixel = int64_t(blockIdx.x) * tile + row;
  const int channel = int(blockIdx.y) * tile + column;
  const ConvProduct::Window window = product.window(pixel);
  real sum = 0;
  for (int i = 0; i < product.steps; ++i) {
    const ConvProduct::Step step = product.step(i);
    a[row * tile + column] = value_at(product.a(window, step, column));
    b[row * tile + column] = value_at(product.b(step, row, channel));
    __syncthreads();  // both tiles are here
    for (int k = 0; k < k_tile; ++k) sum += a[row * tile + k] * b[k * tile + column];
    __syncthreads();  // nobody reads them any more
  }
  if (pixel < product.pixels && channel < product.s.co) y[pixel * product.s.co + channel] = sum;
}

}  // namespace

void conv_cuda_2_shared(const Stream& stream, const ConvShape& s, const real* x, const real* w, real*, real* y) {
  using namespace kernels::cuda;
  const dim3 grid(unsigned(ceil_div(pixels_of(s), tile)), unsigned(ceil_div(s.co, tile)));
  launch(conv_shared, grid, threads, 2 * threads * sizeof(real), stream, ConvProduct(s, x, w), y);
}

}  // namespace erg::ladder
