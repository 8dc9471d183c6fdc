// CUDA rung 3: tiles in registers. The block's tile is 64 pixels by 64 channels, and a thread has 4 by 4 of it: eight
// values from shared memory serve sixteen multiply-adds, where they served four.
// What remains is that nobody multiplies while the block waits for the next tiles.
#include "register_tile.cuh"

namespace erg::ladder {

namespace {

constexpr int a_line = k_tile + 1;  // odd: pixels of a warp lie in different banks

__global__ void __launch_bounds__(threads) conv_registers(ConvProduct product, real* y) {
  ERG_SHARED(real, shared);
  real* const a = shared;                  // [pixel][k]
  real* const b = shared + tile * a_line;  // [k][channel]
  RegisterTile own;
  ConvProduct::Window window[each];  // of the pixels whose values the thread brings
  for (int i = 0; i < each; ++i) window[i] = product.window(own.first_pixel + i * side + own.row);
  for (int n = 0; n < product.steps; ++n) {
    const ConvProduct::Step step = product.step(n);
    for (int i = 0; i < each; ++i) {
      a[(i * side + own.row) * a_line + own.column] = value_at(product.a(window[i], step, own.column));
      const int channel = i * side + own.column;
      b[own.row * tile + channel] = value_at(product.b(step, own.row, own.first_channel + channel));
    }
    __syncthreads();
    own.add_product(a, a_line, b);
    __syncthreads();
  }
  own.store(product, y);
}

}  // namespace

void conv_cuda_3_registers(const Stream& stream, const ConvShape& s, const real* x, const real* w, real*, real* y) {
  using namespace kernels::cuda;
  const dim3 grid(unsigned(ceil_div(pixels_of(s), tile)), unsigned(ceil_div(s.co, tile)));
  launch(conv_registers, grid, threads, tile * (a_line + k_tile) * sizeof(real), stream, ConvProduct(s, x, w), y);
}

}  // namespace erg::ladder
