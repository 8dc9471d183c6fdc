// CUDA rung 4: copies that run by themselves. cp.async takes 16 bytes from global to shared memory without a register
// and without waiting. With three stages, each holding a tile of A and one of B, two are under way while one is
// multiplied: what comes from far away has a whole multiplication's time to arrive.
//
// Each thread counts its copies in groups, one a stage, so that "at most one group is still open" says that the tile
// two steps back is here. An empty group is closed too: the count must not depend on how much there is to copy.
#include "conv_product.cuh"

namespace erg::ladder {

namespace {

constexpr int side = 16, each = 4, tile = side * each, k_tile = 16, threads = side * side, stages = 3;
constexpr int a_line = k_tile + 4;  // pixels of a warp, two, fall into different banks; copies stay aligned
constexpr int a_size = tile * a_line, b_size = k_tile * tile, stage_size = a_size + b_size;

/// `width` floats to shared memory; zeros where `from` is null, for which some address is needed all the same.
template <int width>
__device__ __forceinline__ void copy(real* to, const real* from, const real* some) {
  if constexpr (width == 4)
    kernels::cuda::copy_async(to, from ? from : some, from != nullptr);
  else
    kernels::cuda::copy_async_word(to, from ? from : some, from != nullptr);
}

/// Begins to copy the tiles of step `first` of k: A as [pixel][k], B as [k][channel].
template <int width>
__device__ void fetch(const ConvProduct& product, int64_t first_pixel, int first_channel, int first, real* stage) {
  if (first < product.depth)
    for (int i = int(threadIdx.x) * width; i < tile * k_tile; i += threads * width) {
      copy<width>(stage + i / k_tile * a_line + i % k_tile, product.a(first_pixel + i / k_tile, first + i % k_tile),
                  product.x);
      copy<width>(stage + a_size + i, product.b(first + i / tile, first_channel + i % tile), product.w);
    }
  kernels::cuda::commit_copies();
}

template <int width>
__global__ void __launch_bounds__(threads) conv_stages(ConvProduct product, real* y) {
  ERG_SHARED(real, shared);
  const int row = int(threadIdx.x) / side, column = int(threadIdx.x) % side;
  const int64_t first_pixel = int64_t(blockIdx.x) * tile;
  const int first_channel = int(blockIdx.y) * tile;
  const auto fetch_step = [&](int step) {
    fetch<width>(product, first_pixel, first_channel, step * k_tile, shared + step % stages * stage_size);
  };
  real sum[each][each] = {};
  for (int step = 0; step < stages - 1; ++step) fetch_step(step);
  for (int step = 0; step * k_tile < product.depth; ++step) {
    kernels::cuda::wait_for_copies<stages - 2>();
    __syncthreads();  // everybody's copies of this step are here, and nobody reads the step before it any more
    fetch_step(step + stages - 1);
    const real *a = shared + step % stages * stage_size, *b = a + a_size;
    for (int k = 0; k < k_tile; ++k) {
      real left[each], right[each];
      for (int i = 0; i < each; ++i) left[i] = a[(i * side + row) * a_line + k];
      for (int j = 0; j < each; ++j) right[j] = b[k * tile + j * side + column];
      for (int i = 0; i < each; ++i)
        for (int j = 0; j < each; ++j) sum[i][j] += left[i] * right[j];
    }
  }
  kernels::cuda::wait_for_copies<0>();
  for (int i = 0; i < each; ++i)
    for (int j = 0; j < each; ++j) {
      const int64_t pixel = first_pixel + i * side + row;
      const int channel = first_channel + j * side + column;
      if (pixel < product.pixels && channel < product.s.co) y[pixel * product.s.co + channel] = sum[i][j];
    }
}

}  // namespace

void conv_cuda_4_stages(const Stream& stream, const ConvShape& s, const real* x, const real* w, real*, real* y) {
  using namespace kernels::cuda;
  const dim3 grid(unsigned(ceil_div(pixels_of(s), tile)), unsigned(ceil_div(s.co, tile)));
  const bool fours = s.ci % 4 == 0 && s.co % 4 == 0;  // no four of k crosses a tap, none of channels a row of w
  launch(fours ? conv_stages<4> : conv_stages<1>, grid, threads, stages * stage_size * sizeof(real), stream,
         ConvProduct(s, x, w), y);
}

}  // namespace erg::ladder
