// CUDA rung 4: copies that run by themselves. cp.async takes 16 bytes from global to shared memory without a register
// and without waiting. With three stages, each holding a tile of A and one of B, two are under way while one is
// multiplied: what comes from far away has a whole multiplication's time to arrive.
//
// Each thread counts its copies in groups, one a stage, so that "at most one group is still open" says that the tile
// two steps back is here. An empty group is closed too: the count must not depend on how much there is to copy.
#include "register_tile.cuh"

namespace erg::ladder {

namespace {

constexpr int stages = 3;
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

/// A thread's part in copying the tiles of a block: A as [pixel][k], B as [k][channel], `width` floats at a time.
template <int width>
struct Copier {
  static constexpr int copies = tile * k_tile / (threads * width);
  const ConvProduct& product;
  int first_channel;
  ConvProduct::Window window[copies];

  __device__ Copier(const ConvProduct& product, int64_t first_pixel, int first_channel)
      : product(product), first_channel(first_channel) {
    for (int i = 0; i < copies; ++i) window[i] = product.window(first_pixel + place(i) / k_tile);
  }
  /// Which floats of a tile copy i moves.
  static __device__ int place(int i) { return (i * threads + int(threadIdx.x)) * width; }

  /// Begins to copy the tiles of step n, if there is one, and closes a group.
  __device__ void fetch(int n, real* stage) const {
    if (n < product.steps) {
      const ConvProduct::Step step = product.step(n);
      for (int i = 0; i < copies; ++i) {
        const int at = place(i), k = at % k_tile;
        copy<width>(stage + at / k_tile * a_line + k, product.a(window[i], step, k), product.x);
        copy<width>(stage + a_size + at, product.b(step, at / tile, first_channel + at % tile), product.w);
      }
    }
    kernels::cuda::commit_copies();
  }
};

template <int width>
__global__ void __launch_bounds__(threads) conv_stages(ConvProduct product, real* y) {
  ERG_SHARED(real, shared);
  RegisterTile own;
  const Copier<width> copier(product, own.first_pixel, own.first_channel);
  const auto stage_of = [&](int n) { return shared + n % stages * stage_size; };
  for (int n = 0; n < stages - 1; ++n) copier.fetch(n, stage_of(n));
  for (int n = 0; n < product.steps; ++n) {
    kernels::cuda::wait_for_copies<stages - 2>();
    __syncthreads();  // everybody's copies of this step are here, and nobody reads the step before it any more
    copier.fetch(n + stages - 1, stage_of(n + stages - 1));
    const real *a = stage_of(n), *b = a + a_size;
    own.add_product(a, a_line, b);
  }
  kernels::cuda::wait_for_copies<0>();
  own.store(product, y);
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
