// What the two direct convolutions share: blocks that keep a place in the image and walk over the images of a batch,
// and the patch of the current image that such a block copies to shared memory, with zeros around the image.
#pragma once

#include <algorithm>

#include "vector.cuh"

namespace erg::kernels::cuda {

/// What a block may have on every GPU from sm_80 on.
inline constexpr size_t least_shared_limit = 99 * 1024;

/// A grid of blocks, each with one of `places` in the image, that walk over n images: about as many blocks as are
/// resident together, and each with as many images as the others, or a few less.
inline dim3 walking_grid(const Stream& stream, int64_t places, int n, int resident_per_multiprocessor) {
  if (n == 0) return dim3(0);
  constexpr int64_t most = (1 << 16) - 1;  // of a grid's second dimension
  const int64_t resident = multiprocessors(stream.device.index) * resident_per_multiprocessor;
  const int64_t walkers = std::min<int64_t>({n, ceil_div(resident, places), most});
  return dim3(unsigned(places), unsigned(ceil_div(n, ceil_div(n, walkers))));
}

__device__ __forceinline__ bool is_within(int i, int size) { return unsigned(i) < unsigned(size); }

__device__ __forceinline__ Four<real> four_at(const real* first) { return *reinterpret_cast<const Four<real>*>(first); }

/// Starts to copy four elements to shared memory, zeros in place of those from `count` on. Where `aligned`, both sides
/// are 16-byte aligned and there are four elements or none.
template <bool aligned>
__device__ __forceinline__ void copy_four(real* to, const real* from, int count) {
  if constexpr (aligned) {
    copy_async(to, from, count > 0);
  } else {
    for (int k = 0; k < 4; ++k) copy_async_word(to + k, from + k, k < count);
  }
}

/// Which pixels of an image a patch holds: [rows][phases][span], where position i of a phase is of the column
/// first_column + phase + stride * i.
struct Patch {
  int rows, phases, span, stride;

  ERG_HD int size() const { return rows * phases * span; }

  /// Where in an image each pixel begins, or -1 if it is outside: the same for all images, and so found out once.
  __device__ void locate(int first_row, int first_column, int height, int width, int channels, int* pixels) const {
    for (int i = threadIdx.x; i < size(); i += blockDim.x) {
      const int line = i / span, row = first_row + line / phases;
      const int column = first_column + line % phases + stride * (i % span);
      pixels[i] = is_within(row, height) && is_within(column, width) ? (row * width + column) * channels : -1;
    }
  }
};

}  // namespace erg::kernels::cuda
