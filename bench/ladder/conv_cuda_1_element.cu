// CUDA rung 1: a thread an element of y. Neighbouring threads have neighbouring channels: a warp reads 32 weights with
// one access, its value of x is the same for all, and it writes 32 elements of y side by side.
//
// Each multiply-add comes with two loads, of 128 bytes and of 4 for a warp; caches deliver far less of them than the
// arithmetic could use.
#include "kernels/cuda/portable.cuh"
#include "ladder.h"

namespace erg::ladder {

namespace {

constexpr int threads = 256;

__global__ void __launch_bounds__(threads) conv_element(ConvShape s, const real* x, const real* w, real* y) {
  const int64_t element = int64_t(blockIdx.x) * threads + threadIdx.x;
  if (element >= pixels_of(s) * s.co) return;
  const Pixel at = pixel_at(s, element / s.co);
  const int co = int(element % s.co);
  real sum = 0;
  for (int ky = 0; ky < s.kh; ++ky)
    for (int kx = 0; kx < s.kw; ++kx) {
      const real* in = x_at(s, x, at.n, at.row - s.pad + ky, at.column - s.pad + kx);
      if (!in) continue;
      for (int c = 0; c < s.ci; ++c) sum += in[c] * w_at(s, w, ky, kx, c)[co];
    }
  y[element] = sum;
}

}  // namespace

void conv_cuda_1_element(const Stream& stream, const ConvShape& s, const real* x, const real* w, real*, real* y) {
  using namespace kernels::cuda;
  launch(conv_element, unsigned(ceil_div(s.y_size(), threads)), threads, 0, stream, s, x, w, y);
}

}  // namespace erg::ladder
