// How a block multiplies two panels: on tensor cores in tf32, or with fused multiply-adds in fp32. Both spread the tile
// of C over the block's four warps and keep their part of it in registers, as pairs of neighbours in a row.
//
//   add(a, b)                     adds the product of two panels
//   rows, pairs                   a thread has these many rows of the tile, and pairs in each
//   row(i), column(j)             where they are; the pair is column(j) and the one after it
//   first(i, j), second(i, j)     the pair's values
//   sharer()                      which of the 16 threads it is that share its columns
#pragma once

#include "panel.cuh"

namespace erg::kernels::cuda {

/// The four warps of a block are two by two; a warp's part of the tile is a grid of fragments, 16 by 8.
template <int tile_m, int tile_n, Order a_order, Order b_order>
class TensorCores {
  using PanelA = Panel<a_order, tile_m>;
  using PanelB = Panel<b_order, tile_n>;
  static constexpr int warp_m = tile_m / 2, warp_n = tile_n / 2, fragments_m = warp_m / 16, fragments_n = warp_n / 8;

 public:
  static constexpr int rows = 2 * fragments_m, pairs = fragments_n;

  __device__ __forceinline__ void add(const real* a, const real* b) {
    ERG_UNROLL(2)
    for (int k = 0; k < k_tile; k += 8) {
      uint32_t a_fragment[fragments_m][4], b_fragment[fragments_n][2];
      load_a(a, k, a_fragment);
      load_b(b, k, b_fragment);
      for (int i = 0; i < fragments_m; ++i)
        for (int j = 0; j < fragments_n; ++j) mma_tf32(sum_[i][j], a_fragment[i], b_fragment[j]);
    }
  }

  __device__ __forceinline__ int row(int i) const { return first_m_ + i * 8 + lane_ / 4; }
  __device__ __forceinline__ int column(int j) const { return first_n_ + j * 8 + lane_ % 4 * 2; }
  __device__ __forceinline__ real first(int i, int j) const { return sum_[i / 2][j][i % 2 * 2]; }
  __device__ __forceinline__ real second(int i, int j) const { return sum_[i / 2][j][i % 2 * 2 + 1]; }
  __device__ __forceinline__ int sharer() const { return warp_ / 2 * 8 + lane_ / 4; }

 private:
  __device__ __forceinline__ void load_a(const real* panel, int k, uint32_t (&fragment)[fragments_m][4]) const {
    for (int i = 0; i < fragments_m; ++i) {
      const int m = first_m_ + i * 16;
      if constexpr (a_order == Order::along_k) {
        // Lane 8q + r names row r of quarter q: upper left, lower left, upper right, lower right.
        load_matrices(fragment[i], panel + PanelA::at(m + lane_ % 16, k + lane_ / 16 * 4));
        round(fragment[i]);
      } else {
        for (int q = 0; q < 4; ++q)
          fragment[i][q] = to_tf32(panel[PanelA::at(m + lane_ / 4 + q % 2 * 8, k + lane_ % 4 + q / 2 * 4)]);
      }
    }
  }

  __device__ __forceinline__ void load_b(const real* panel, int k, uint32_t (&fragment)[fragments_n][2]) const {
    if constexpr (b_order == Order::along_k) {
      for (int j = 0; j < fragments_n; j += 2) {
        // Two fragments at once: lane 8q + r names column r of the one q / 2, in the half q % 2 of k.
        uint32_t both[4];
        load_matrices(both, panel + PanelB::at(first_n_ + j * 8 + lane_ / 16 * 8 + lane_ % 8, k + lane_ / 8 % 2 * 4));
        round(both);
        for (int q = 0; q < 4; ++q) fragment[j + q / 2][q % 2] = both[q];
      }
    } else {
      for (int j = 0; j < fragments_n; ++j)
        for (int q = 0; q < 2; ++q)
          fragment[j][q] = to_tf32(panel[PanelB::at(first_n_ + j * 8 + lane_ / 4, k + lane_ % 4 + q * 4)]);
    }
  }

  static __device__ __forceinline__ void round(uint32_t (&word)[4]) {
    for (int q = 0; q < 4; ++q) word[q] = to_tf32(__uint_as_float(word[q]));
  }

  const int lane_ = int(threadIdx.x) % warp_size, warp_ = int(threadIdx.x) / warp_size;
  const int first_m_ = warp_ / 2 * warp_m, first_n_ = warp_ % 2 * warp_n;
  float sum_[fragments_m][fragments_n][4] = {};
};

/// A thread has every 16th row of the tile and every eighth pair of columns: the lanes of a warp, four by eight, read
/// neighbours from shared memory and write whole sectors of C.
template <int tile_m, int tile_n, Order a_order, Order b_order>
class FusedMultiplyAdd {
  using PanelA = Panel<a_order, tile_m>;
  using PanelB = Panel<b_order, tile_n>;

 public:
  static constexpr int rows = tile_m / 16, pairs = tile_n / 16;

  __device__ __forceinline__ void add(const real* a, const real* b) {
    ERG_UNROLL(4)
    for (int k = 0; k < k_tile; ++k) {
      real left[rows], right[pairs][2];
      for (int i = 0; i < rows; ++i) left[i] = a[PanelA::at(row(i), k)];
      for (int j = 0; j < pairs; ++j)
        for (int side = 0; side < 2; ++side) right[j][side] = b[PanelB::at(column(j) + side, k)];
      for (int i = 0; i < rows; ++i)
        for (int j = 0; j < pairs; ++j)
          for (int side = 0; side < 2; ++side) sum_[i][j][side] += left[i] * right[j][side];
    }
  }

  __device__ __forceinline__ int row(int i) const { return i * 16 + int(threadIdx.x) / 8; }
  __device__ __forceinline__ int column(int j) const { return j * 16 + int(threadIdx.x) % 8 * 2; }
  __device__ __forceinline__ real first(int i, int j) const { return sum_[i][j][0]; }
  __device__ __forceinline__ real second(int i, int j) const { return sum_[i][j][1]; }
  __device__ __forceinline__ int sharer() const { return int(threadIdx.x) / 8; }

 private:
  real sum_[rows][pairs][2] = {};
};

}  // namespace erg::kernels::cuda
