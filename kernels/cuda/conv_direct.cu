// The direct forward convolution. A block keeps its weights in shared memory and walks over the images, copying the
// next patch of x while it works on this one. Of y, a thread computes 8 neighbouring pixels by 4 channels: one line of
// a channel's patch, read once from shared memory, serves all of them and all taps of a kernel row.
//
// That needs the inputs of neighbouring pixels side by side, whatever the stride: a line of the patch is cut into
// phases, the columns that leave the same remainder by the stride. Within a phase every convolution has stride 1.
#include "conv_direct.cuh"

#include <limits>

#include "conv_patch.cuh"
#include "finish.cuh"

namespace erg::kernels::cuda {

namespace {

constexpr int block_threads = 256;  // at most
constexpr int blocks_resident = 3;  // by registers, of as many threads
constexpr int run = 8;              // pixels of a thread, neighbours in a row
constexpr int most_groups = 32;     // of four channels, of a block

struct Plan {
  ConvShape s;
  int oh, ow;
  int slices, groups;        // of y's channels; a block computes `groups` fours
  int tile_rows, tile_runs;  // and these pixels
  int tiles_down, tiles_across;
  Patch patch;  // of each channel of x
  int taps;     // of a kernel row, that fall on one phase: so many, or one less
  bool aligned_w, aligned_y;

  ERG_HD int width() const { return 4 * groups; }
  ERG_HD int weights_size() const { return s.ci * s.kh * patch.phases * taps * width(); }
  ERG_HD int patch_size() const { return s.ci * patch.size(); }
  size_t shared_bytes() const {
    return (weights_size() + 2 * size_t(patch_size())) * sizeof(real) + size_t(patch.size()) * sizeof(int);
  }
  int threads() const { return int(ceil_div(tile_rows * tile_runs * groups, warp_size)) * warp_size; }
  int64_t places() const { return int64_t(tiles_down) * tiles_across * slices; }
};

/// What a block computes, and of that a thread.
struct Place {
  int row, column, channel;  // the block's first of y
  int down, across, group;   // the thread's, from there

  // Neighbouring threads have neighbouring channels, so that they store together.
  __device__ explicit Place(const Plan& p) {
    const int tile = blockIdx.x / p.slices, thread_run = threadIdx.x / p.groups;
    row = tile / p.tiles_across * p.tile_rows;
    column = tile % p.tiles_across * p.tile_runs * run;
    channel = blockIdx.x % p.slices * p.width();
    down = thread_run / p.tile_runs;
    across = thread_run % p.tile_runs * run;
    group = threadIdx.x % p.groups;
  }
  __device__ bool exists(const Plan& p) const {
    return down < p.tile_rows && row + down < p.oh && column + across < p.ow && channel + 4 * group < p.s.co;
  }
};

/// Copies the block's channels of w to shared memory, in the order of their use: [ci][kh][phases][taps][width].
template <bool aligned>
__device__ void copy_weights(const Plan& p, int channel, const real* w, real* weights) {
  const ConvShape& s = p.s;
  for (int i = threadIdx.x; i < s.kh * s.kw * s.ci * p.groups; i += blockDim.x) {
    const int line = i / p.groups, first = i % p.groups * 4;
    const int c = line % s.ci, kx = line / s.ci % s.kw, ky = line / s.ci / s.kw;
    const int to = ((c * s.kh + ky) * p.patch.phases + kx % s.stride) * p.taps + kx / s.stride;
    copy_four<aligned>(weights + to * p.width() + first, w + int64_t(line) * s.co + channel + first,
                       s.co - channel - first);
  }
}

/// Copies the patch of an image, channel by channel.
__device__ void copy_patch(const Plan& p, const int* pixels, const real* image, real* patch) {
  for (int i = threadIdx.x; i < p.patch.size(); i += blockDim.x) {
    const int pixel = pixels[i];
    for (int c = 0; c < p.s.ci; ++c)
      copy_async_word(patch + c * p.patch.size() + i, image + max(pixel, 0) + c, pixel >= 0);
  }
}

/// Adds the products of one line of the patch and the taps that fall on it, of which the last may be missing.
template <int taps>
__device__ __forceinline__ void add_line(const real* line, const real* weights, int width, bool last,
                                         Four<real> (&sum)[run]) {
  constexpr int fours = (run + taps - 1 + 3) / 4;
  Four<real> x[fours];
  for (int i = 0; i < fours; ++i) x[i] = four_at(line + 4 * i);
  for (int j = 0; j < taps; ++j)
    if (j < taps - 1 || last) {
      const Four<real> w = four_at(weights + j * width);
      for (int i = 0; i < run; ++i)
        for (int k = 0; k < 4; ++k) sum[i].at[k] += x[(i + j) / 4].at[(i + j) % 4] * w.at[k];
    }
}

/// Adds all products of a thread's sums, the first of which begin at `patch` and `weights`.
template <int taps>
__device__ __forceinline__ void add_products(const Plan& p, const real* patch, const real* weights,
                                             Four<real> (&sum)[run]) {
  for (int c = 0; c < p.s.ci; ++c) {
    const real* line = patch + c * p.patch.size();
    for (int ky = 0; ky < p.s.kh; ++ky)
      for (int phase = 0; phase < p.patch.phases; ++phase) {
        add_line<taps>(line, weights, p.width(), phase + (taps - 1) * p.s.stride < p.s.kw, sum);
        line += p.patch.span;
        weights += taps * p.width();
      }
  }
}

/// Finishes the sums and stores them: of the first `pixels` of a run, the channels from `channel` on that exist.
template <class Finish>
__device__ __forceinline__ void store_run(const Plan& p, const Finish& finish, int pixels, int channel,
                                          Four<real> (&sum)[run], real* y) {
  const int channels = min(4, p.s.co - channel);
  for (int i = 0; i < run; ++i, y += p.s.co)
    if (i < pixels) {
      for (int k = 0; k < 4; ++k)
        if (k < channels) sum[i].at[k] = finish(sum[i].at[k], channel + k);
      store(y, {0, 0, channels, p.aligned_y}, sum[i]);
    }
}

template <int taps, class Finish>
__global__ void __launch_bounds__(block_threads, blocks_resident)
    conv_direct_kernel(Plan p, Finish finish, const real* x, const real* w, real* y) {
  ERG_SHARED(real, weights);
  real* const patches = weights + p.weights_size();
  int* const pixels = reinterpret_cast<int*>(patches + 2 * p.patch_size());
  const ConvShape& s = p.s;
  const Place at(p);
  const int oy = at.row + at.down, ox = at.column + at.across, channel = at.channel + 4 * at.group;
  const int64_t image_size = int64_t(s.h) * s.w * s.ci;

  p.patch.locate(at.row * s.stride - s.pad, at.column * s.stride - s.pad, s.h, s.w, s.ci, pixels);
  if (p.aligned_w) {
    copy_weights<true>(p, at.channel, w, weights);
  } else {
    copy_weights<false>(p, at.channel, w, weights);
  }
  __syncthreads();
  copy_patch(p, pixels, x + blockIdx.y * image_size, patches);
  commit_copies();
  int turn = 0;
  for (int64_t image = blockIdx.y; image < s.n; image += gridDim.y, turn ^= 1) {
    const int64_t next = image + gridDim.y;
    if (next < s.n) copy_patch(p, pixels, x + next * image_size, patches + (turn ^ 1) * p.patch_size());
    commit_copies();
    wait_for_copies<1>();
    __syncthreads();
    if (at.exists(p)) {
      Four<real> sum[run] = {};
      const int first_pixel = at.down * s.stride * p.patch.phases * p.patch.span + at.across;
      add_products<taps>(p, patches + turn * p.patch_size() + first_pixel, weights + 4 * at.group, sum);
      store_run(p, finish, p.ow - ox, channel, sum, y + ((image * p.oh + oy) * p.ow + ox) * s.co + channel);
    }
    __syncthreads();
  }
}

Plan plan_for(const ConvShape& s, const real* w, const real* y) {
  Plan p{};
  p.s = s;
  p.oh = s.oh(), p.ow = s.ow();
  const int fours = int(ceil_div(s.co, 4)), runs = int(ceil_div(p.ow, run));
  p.slices = int(ceil_div(fours, most_groups));
  p.groups = int(ceil_div(fours, p.slices));
  p.taps = int(ceil_div(s.kw, s.stride));
  p.aligned_w = s.co % 4 == 0 && is_aligned(w);
  p.aligned_y = s.co % 4 == 0 && is_aligned(y);
  const int overlap = p.taps > 1 ? 4 : 0;  // the last run reads beyond its own pixels, in whole fours
  const auto take_tile = [&](int rows, int tile_runs) {
    p.tile_rows = rows, p.tile_runs = tile_runs;
    p.patch = {(rows - 1) * s.stride + s.kh, std::min(s.stride, s.kw), tile_runs * run + overlap, s.stride};
  };
  const int most_runs = block_threads / p.groups, across = std::min(runs, most_runs);
  take_tile(std::min(p.oh, most_runs / across), across);
  while (p.shared_bytes() > least_shared_limit)
    p.tile_rows > 1 ? take_tile((p.tile_rows + 1) / 2, across) : take_tile(1, (p.tile_runs + 1) / 2);
  p.tiles_down = int(ceil_div(p.oh, p.tile_rows));
  p.tiles_across = int(ceil_div(runs, p.tile_runs));
  return p;
}

template <class Finish>
void launch_with(const Stream& stream, const ConvShape& s, const Finish& finish, const real* x, const real* w,
                 real* y) {
  if (s.y_size() == 0) return;
  const Plan p = plan_for(s, w, y);
  const auto launch_kernel = [&](auto kernel) {
    const dim3 grid = walking_grid(stream, p.places(), s.n, blocks_resident * block_threads / p.threads());
    launch(kernel, grid, p.threads(), p.shared_bytes(), stream, p, finish, x, w, y);
  };
  switch (p.taps) {
    case 1: return launch_kernel(conv_direct_kernel<1, Finish>);
    case 2: return launch_kernel(conv_direct_kernel<2, Finish>);
    case 3: return launch_kernel(conv_direct_kernel<3, Finish>);
    case 4: return launch_kernel(conv_direct_kernel<4, Finish>);
    default: return launch_kernel(conv_direct_kernel<5, Finish>);
  }
}

}  // namespace

bool conv_direct_serves(const ConvShape& s) {
  constexpr int64_t most = std::numeric_limits<int>::max();  // of an image's elements
  const bool countable = int64_t(s.h) * s.w * s.ci <= most && int64_t(s.oh()) * s.ow() * s.co <= most;
  return 1 <= s.ci && s.ci <= 4 && s.kh <= 5 && s.kw <= 5 && countable;
}

void conv_direct(const Stream& stream, const ConvShape& s, const real* x, const real* w, real* y) {
  launch_with(stream, s, Plain{}, x, w, y);
}

void conv_direct_bias(const Stream& stream, const ConvShape& s, const real* x, const real* w, const real* bias,
                      real negative_slope, real* y) {
  launch_with(stream, s, BiasLeakyRelu{bias, {negative_slope}}, x, w, y);
}

}  // namespace erg::kernels::cuda
