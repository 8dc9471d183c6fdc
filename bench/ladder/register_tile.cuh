// What CUDA rungs 3 and 4 share: a thread's tile of sums, 4 pixels by 4 channels of a block's 64 by 64.
//
// A thread's pixels and channels lie 16 apart, so that the lanes of a warp read neighbours from shared memory and write
// neighbours of y.
#pragma once

#include "conv_product.cuh"

namespace erg::ladder {

constexpr int side = k_tile, each = 4, tile = side * each, threads = side * side;

/// The place of a thread in its block's tile, and its sums.
struct RegisterTile {
  int row = int(threadIdx.x) / side, column = int(threadIdx.x) % side;
  int64_t first_pixel = int64_t(blockIdx.x) * tile;
  int first_channel = int(blockIdx.y) * tile;
  real sum[each][each] = {};

  /// Adds the product of the block's tiles in shared memory: a as [pixel][k], a line apart, and b as [k][channel].
  __device__ __forceinline__ void add_product(const real* a, int a_line, const real* b) {
    for (int k = 0; k < k_tile; ++k) {
      real left[each], right[each];
      for (int i = 0; i < each; ++i) left[i] = a[(i * side + row) * a_line + k];
      for (int j = 0; j < each; ++j) right[j] = b[k * tile + j * side + column];
      for (int i = 0; i < each; ++i)
        for (int j = 0; j < each; ++j) sum[i][j] += left[i] * right[j];
    }
  }

  __device__ __forceinline__ void store(const ConvProduct& product, real* y) const {
    for (int i = 0; i < each; ++i)
      for (int j = 0; j < each; ++j) {
        const int64_t pixel = first_pixel + i * side + row;
        const int channel = first_channel + j * side + column;
        if (pixel < product.pixels && channel < product.s.co) y[pixel * product.s.co + channel] = sum[i][j];
      }
  }
};

}  // namespace erg::ladder
