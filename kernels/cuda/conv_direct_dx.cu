// The direct convolution's gradient for the image. A block takes a tile of dx through all channels of dy, 16 at a time,
// copying the next 16 while it works on these. They are shared by its four slices, four channels each; within a slice a
// thread holds a strip of dx in one column. A vector of dy, four channels of one pixel, is read from shared memory once
// for all taps of a kernel column and all channels of x. The slices' sums are added at the end, in their order: in what
// order a sum is taken follows from the shape alone, while a tile's height depends on the device.
//
// Write a column of dx as stride * q + r, where r < stride is its residue. The columns of dy that see it are q + o, by
// kernel column r + pad - stride * o, for every offset o for which there is such a kernel column; rows likewise. So
// neighbouring q of one residue are a convolution of stride 1, and a block with all residues reads dy once for them.
#include "conv_direct.cuh"
#include "conv_patch.cuh"
#include "langevin.cuh"
#include "noise.cuh"

namespace erg::kernels::cuda {

namespace {

constexpr int slices = 4;
constexpr int chunk = 4 * slices;   // channels of dy in shared memory
constexpr int block_threads = 256;  // at most
constexpr int blocks_resident = 2;  // by registers, of as many threads
constexpr int strip_height = 8;     // rows of dx of a thread

struct Plan {
  ConvShape s;
  int oh, ow;
  int slice_threads;  // a multiple of the warp, so that a warp reads one slice's weights
  int rows, columns;  // a block's tile, as values of q
  int tiles_down, tiles_across;
  int residue_groups;  // along an axis
  int offsets_across;
  Patch patch;            // of dy
  int plane, stage_size;  // a stage is dy as [slices][plane][4], and weights as [kh][kw][ci][slices][4]
  bool aligned;

  size_t shared_bytes() const { return 2 * size_t(stage_size) * sizeof(real) + size_t(patch.size()) * sizeof(int); }
  int threads() const { return slices * slice_threads; }
  int64_t places() const { return int64_t(tiles_down) * tiles_across * residue_groups * residue_groups; }
};

/// The least offset of residues from `residue` on: (residue + pad - (kernel - 1)) / stride, rounded up.
ERG_HD int first_offset(const ConvShape& s, int kernel, int residue) {
  const int least = residue + s.pad - kernel + 1;
  return least > 0 ? (least + s.stride - 1) / s.stride : least / s.stride;
}

/// What a block computes, `step` residues along an axis, and of that a thread. Of a pair, the first is down, the second
/// across.
template <int step>
struct Place {
  int q[2], residue[2], offset[2];  // the block's first
  int slice, row, column;           // the thread's, from q

  __device__ explicit Place(const Plan& p) {
    const int groups = p.residue_groups, thread = threadIdx.x % p.slice_threads;
    const int group = blockIdx.x % (groups * groups), tile = blockIdx.x / (groups * groups);
    q[0] = tile / p.tiles_across * p.rows;
    q[1] = tile % p.tiles_across * p.columns;
    residue[0] = group / groups * step;
    residue[1] = group % groups * step;
    offset[0] = first_offset(p.s, p.s.kh, residue[0]);
    offset[1] = first_offset(p.s, p.s.kw, residue[1]);
    slice = threadIdx.x / p.slice_threads;
    row = thread / p.columns * (strip_height / step);
    column = thread % p.columns;
  }
  /// The row or column of dx, or of the kernel at offset o, of a q and residue counted from the block's first.
  __device__ int of_image(const Plan& p, int axis, int i, int r) const {
    return (q[axis] + i) * p.s.stride + residue[axis] + r;
  }
  __device__ int of_kernel(const Plan& p, int axis, int o, int r) const {
    return residue[axis] + r + p.s.pad - p.s.stride * (offset[axis] + o);
  }
};

template <bool aligned>
__device__ __forceinline__ void copy_stage(const Plan& p, const int* pixels, int channel, const real* image,
                                           const real* w, real* stage) {
  const int slice = threadIdx.x % slices, first = channel + 4 * slice, count = p.s.co - first;
  ERG_UNROLL(4)
  for (int i = threadIdx.x / slices; i < p.patch.size(); i += blockDim.x / slices) {
    const int pixel = pixels[i];
    copy_four<aligned>(stage + (slice * p.plane + i) * 4, image + first + max(pixel, 0), pixel >= 0 ? count : 0);
  }
  real* const weights = stage + p.plane * chunk;
  for (int i = threadIdx.x / slices; i < p.s.kh * p.s.kw * p.s.ci; i += blockDim.x / slices)
    copy_four<aligned>(weights + (i * slices + slice) * 4, w + int64_t(i) * p.s.co + first, count);
}

/// Copies `chunk` channels, from `channel` on, of a patch of dy and of the weights.
__device__ __forceinline__ void copy_stage(const Plan& p, const int* pixels, int channel, const real* image,
                                           const real* w, real* stage) {
  if (p.aligned) {
    copy_stage<true>(p, pixels, channel, image, w, stage);
  } else {
    copy_stage<false>(p, pixels, channel, image, w, stage);
  }
}

// ---- What becomes of an element of dx: finish(x, i, dx[i]) at element i of x

struct Assign {
  ERG_HD void operator()(real* x, int64_t i, real gradient) const { x[i] = gradient; }
};

/// One Langevin step. A thread has single elements, so that the words of a Philox block are computed by four of them:
/// less time than another launch would take.
struct MoveLangevin {
  LangevinStep step;
  NoiseKey key;
  __device__ void operator()(real* x, int64_t i, real gradient) const {
    x[i] = step.s.noise == 0 ? step(x[i], gradient) : step(x[i], gradient, Draw(key).normal(key.first + i));
  }
};

// ---- The kernel

/// A thread's part of dx: `step` by `step` residues of neighbouring rows q, `ci` channels.
template <int ci, int step>
struct Strip {
  static constexpr int rows = strip_height / step;
  real at[step][step][rows][ci];
};

/// Adds the products of a thread's slice of a stage. `offsets` is how many there are downwards, at most.
template <int offsets, int ci, int step>
__device__ __forceinline__ void add_slice(const Plan& p, const Place<step>& at, const real* stage,
                                          Strip<ci, step>& sum) {
  constexpr int rows = Strip<ci, step>::rows;
  const ConvShape& s = p.s;
  const int kernel_row = s.kw * ci * chunk;
  const real* const weights = stage + p.plane * chunk + 4 * at.slice;
  const real* top = stage + (at.slice * p.plane + at.row * p.patch.span + at.column) * 4;
  for (int o = 0; o < p.offsets_across; ++o, top += 4) {
    Four<real> dy[rows + offsets - 1];
    for (int i = 0; i < rows + offsets - 1; ++i) dy[i] = four_at(top + i * p.patch.span * 4);
    ERG_UNROLL()
    for (int across = 0; across < step; ++across) {
      const int kx = at.of_kernel(p, 1, o, across);
      if (!is_within(kx, s.kw)) continue;
      ERG_UNROLL()
      for (int j = 0; j < offsets; ++j)
        for (int down = 0; down < step; ++down) {
          const int ky = at.of_kernel(p, 0, j, down);
          if (!is_within(ky, s.kh)) continue;
          for (int c = 0; c < ci; ++c) {
            const Four<real> w = four_at(weights + ky * kernel_row + (kx * ci + c) * chunk);
            for (int k = 0; k < 4; ++k)
              for (int i = 0; i < rows; ++i) sum.at[down][across][i][c] += dy[i + j].at[k] * w.at[k];
          }
        }
    }
  }
}

/// Adds the slices and finishes the block's tile of an image, which begins at element `first` of dx, by way of shared
/// memory that other threads may still be reading.
template <int ci, int step, class Finish>
__device__ __forceinline__ void store_tile(const Plan& p, const Place<step>& at, const Strip<ci, step>& sum,
                                           real* shared, const Finish& finish, int64_t first, real* dx) {
  const ConvShape& s = p.s;
  const int lines = p.rows * step, length = p.columns * step * ci;
  __syncthreads();
  real* const own = shared + (at.slice * lines + at.row * step) * length + at.column * step * ci;
  for (int i = 0; i < Strip<ci, step>::rows; ++i)
    for (int down = 0; down < step; ++down)
      for (int across = 0; across < step; ++across)
        for (int c = 0; c < ci; ++c) own[(i * step + down) * length + across * ci + c] = sum.at[down][across][i][c];
  __syncthreads();
  for (int line = threadIdx.x / warp_size; line < lines; line += blockDim.x / warp_size) {
    const int iy = at.of_image(p, 0, line / step, line % step);
    for (int i = threadIdx.x % warp_size; i < length; i += warp_size) {
      const int ix = at.of_image(p, 1, i / ci / step, i / ci % step);
      if (iy >= s.h || ix >= s.w) continue;
      real total = 0;
      for (int slice = 0; slice < slices; ++slice) total += shared[(slice * lines + line) * length + i];
      finish(dx, first + (int64_t(iy) * s.w + ix) * ci + i % ci, total);
    }
  }
}

/// `step` divides the stride. Registers allow blocks_resident blocks, unless a thread has 64 sums.
template <int ci, int step, int offsets, class Finish>
__global__ void __launch_bounds__(block_threads, step == 1 || ci < 4 ? blocks_resident : 1)
    conv_direct_dx_kernel(Plan p, Finish finish, const real* dy, const real* w, real* dx) {
  ERG_SHARED(real, stages);
  int* const pixels = reinterpret_cast<int*>(stages + 2 * p.stage_size);
  const ConvShape& s = p.s;
  const Place<step> at(p);
  const int64_t dy_image = int64_t(p.oh) * p.ow * s.co, dx_image = int64_t(s.h) * s.w * ci;

  p.patch.locate(at.q[0] + at.offset[0], at.q[1] + at.offset[1], p.oh, p.ow, s.co, pixels);
  __syncthreads();
  copy_stage(p, pixels, 0, dy + blockIdx.y * dy_image, w, stages);
  commit_copies();
  Strip<ci, step> sum = {};
  int64_t image = blockIdx.y;
  for (int channel = 0, turn = 0; image < s.n; turn ^= 1) {
    real* const stage = stages + turn * p.stage_size;
    const bool last = channel + chunk >= s.co;
    const int64_t next_image = last ? image + gridDim.y : image;
    const int next_channel = last ? 0 : channel + chunk;
    if (next_image < s.n)
      copy_stage(p, pixels, next_channel, dy + next_image * dy_image, w, stages + (turn ^ 1) * p.stage_size);
    commit_copies();
    wait_for_copies<1>();
    __syncthreads();
    add_slice<offsets>(p, at, stage, sum);
    if (last) {
      store_tile(p, at, sum, stage, finish, image * dx_image, dx);
      sum = {};
    }
    __syncthreads();
    image = next_image, channel = next_channel;
  }
}

Plan plan_for(const ConvShape& s, const real* dy, const real* w, int step, int offsets, int slice_threads) {
  Plan p{};
  p.s = s;
  p.oh = s.oh(), p.ow = s.ow();
  p.slice_threads = slice_threads;
  p.aligned = s.co % 4 == 0 && is_aligned(dy) && is_aligned(w);
  p.residue_groups = s.stride / step;
  const int64_t across = ceil_div(s.w, s.stride);  // values of q
  p.columns = 32;
  while (p.columns > 8 && ceil_div(across, p.columns / 2) < 2 * ceil_div(across, p.columns)) p.columns /= 2;
  p.rows = slice_threads / p.columns * (strip_height / step);
  p.tiles_across = int(ceil_div(across, p.columns));
  p.tiles_down = int(ceil_div(ceil_div(s.h, s.stride), p.rows));
  for (int r = 0; r < s.stride; r += step)
    p.offsets_across = std::max(p.offsets_across, (r + step - 1 + s.pad) / s.stride - first_offset(s, s.kw, r) + 1);
  p.patch = {p.rows + offsets - 1, 1, p.columns + std::max(p.offsets_across, 1) - 1, 1};
  // Eight threads at a time copy four slices of two pixels: to all banks, as a plane is a multiple of 8 vectors and 2.
  p.plane = int(ceil_div(p.patch.size() - 2, 8)) * 8 + 2;
  const int sums_size = slices * p.rows * step * p.columns * step * s.ci;
  p.stage_size = std::max(p.plane * chunk + s.kh * s.kw * s.ci * chunk, sums_size);
  return p;
}

template <int ci, int step, int offsets, class Finish>
void launch_with(const Stream& stream, const ConvShape& s, const real* dy, const real* w, const Finish& finish,
                 real* dx) {
  // Tall tiles read fewer rows of dy twice, if there are enough of them for most of the multiprocessors.
  Plan p = plan_for(s, dy, w, step, offsets, 64);
  if (p.shared_bytes() > least_shared_limit || 4 * p.places() * s.n < 3 * multiprocessors(stream.device.index))
    p = plan_for(s, dy, w, step, offsets, 32);
  const int resident = blocks_resident * block_threads / p.threads();
  launch(conv_direct_dx_kernel<ci, step, offsets, Finish>, walking_grid(stream, p.places(), s.n, resident), p.threads(),
         p.shared_bytes(), stream, p, finish, dy, w, dx);
}

template <int ci, class Finish>
void launch_with(const Stream& stream, const ConvShape& s, const real* dy, const real* w, const Finish& finish,
                 real* dx) {
  const int offsets = int(ceil_div(s.kh, s.stride));
  if (s.stride % 2 == 0) return launch_with<ci, 2, 3>(stream, s, dy, w, finish, dx);
  if (offsets == 1) return launch_with<ci, 1, 1>(stream, s, dy, w, finish, dx);
  if (offsets <= 3) return launch_with<ci, 1, 3>(stream, s, dy, w, finish, dx);
  launch_with<ci, 1, 5>(stream, s, dy, w, finish, dx);
}

template <class Finish>
void launch_with(const Stream& stream, const ConvShape& s, const real* dy, const real* w, const Finish& finish,
                 real* dx) {
  if (s.x_size() == 0) return;
  switch (s.ci) {
    case 1: return launch_with<1>(stream, s, dy, w, finish, dx);
    case 2: return launch_with<2>(stream, s, dy, w, finish, dx);
    case 3: return launch_with<3>(stream, s, dy, w, finish, dx);
    default: return launch_with<4>(stream, s, dy, w, finish, dx);
  }
}

}  // namespace

void conv_direct_dx(const Stream& stream, const ConvShape& s, const real* dy, const real* w, real* dx) {
  launch_with(stream, s, dy, w, Assign{}, dx);
}

void conv_direct_dx_langevin(const Stream& stream, const ConvShape& s, const real* dy, const real* w,
                             const LangevinUpdate& update, const NoiseKey& key, real* x) {
  launch_with(stream, s, dy, w, MoveLangevin{{update}, key}, x);
}

}  // namespace erg::kernels::cuda
