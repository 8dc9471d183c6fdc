// CUDA rung 3: tiles in registers. The block's tile is 64 pixels by 64 channels, and a thread has 4 by 4 of it: eight
// values from shared memory serve sixteen multiply-adds, where they served four.
//
// A thread's pixels and channels lie 16 apart, so that the lanes of a warp read neighbours from shared memory and write
// neighbours of y. What remains is that nobody multiplies while the block waits for the next tiles.
#include "conv_product.cuh"

namespace erg::ladder {

namespace {

constexpr int side = k_tile, each = 4, tile = side * each, threads = side * side;
constexpr int a_line = k_tile + 1;  // odd: pixels of a warp lie in different banks

__global__ void __launch_bounds__(threads) conv_registers(ConvProduct product, real* y) {
  ERG_SHARED(real, shared);
  real* const a = shared;                  // [pixel][k]
  real* const b = shared + tile * a_line;  // [k][channel]
  const int row = int(threadIdx.x) / side, column = int(threadIdx.x) % side;
  const int64_t first_pixel = int64_t(blockIdx.x) * tile;
  const int first_channel = int(blockIdx.y) * tile;
  ConvProduct::Window window[each];  // of the pixels whose values the thread brings
  for (int i = 0; i < each; ++i) window[i] = product.window(first_pixel + i * side + row);
  real sum[each][each] = {};
  for (int n = 0; n < product.steps; ++n) {
    const ConvProduct::Step step = product.step(n);
    for (int i = 0; i < each; ++i) {
      a[(i * side + row) * a_line + column] = value_at(product.a(window[i], step, column));
      b[row * tile + i * side + column] = value_at(product.b(step, row, first_channel + i * side + column));
    }
    __syncthreads();
    for (int k = 0; k < k_tile; ++k) {
      real left[each], right[each];
      for (int i = 0; i < each; ++i) left[i] = a[(i * side + row) * a_line + k];
      for (int j = 0; j < each; ++j) right[j] = b[k * tile + j * side + column];
      for (int i = 0; i < each; ++i)
        for (int j = 0; j < each; ++j) sum[i][j] += left[i] * right[j];
    }
    __syncthreads();
  }
  for (int i = 0; i < each; ++i)
    for (int j = 0; j < each; ++j) {
      const int64_t pixel = first_pixel + i * side + row;
      const int channel = first_channel + j * side + column;
      if (pixel < product.pixels && channel < product.s.co) y[pixel * product.s.co + channel] = sum[i][j];
    }
}

}  // namespace

void conv_cuda_3_registers(const Stream& stream, const ConvShape& s, const real* x, const real* w, real*, real* y) {
  using namespace kernels::cuda;
  const dim3 grid(unsigned(ceil_div(pixels_of(s), tile)), unsigned(ceil_div(s.co, tile)));
  launch(conv_registers, grid, threads, tile * (a_line + k_tile) * sizeof(real), stream, ConvProduct(s, x, w), y);
}

}  // namespace erg::ladder
