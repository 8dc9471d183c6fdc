// The products of a chain's step, of a layer's weights with its inputs or, on the way back, of their transpose with the
// derivatives of the energy in its sums. There are three ways, for shapes that ask for different things:
//
//   thin    few terms: a lane makes whole sums, unit by unit;
//   narrow  few units: the lanes share the terms of each sum, and add up what they have;
//   wide    many of both, where the time goes: all weights in shared memory, a register tile in each lane.
//
// The terms of a wide product are dealt to `parts` sums that are added in the end. In a tile of several warps each warp
// makes one part, for all chains of the tile: so a weight is read from shared memory once for all of them. In a tile of
// one warp that warp makes one after the other. Every sum adds its terms in the same order in any tile; nothing else
// decides its bits.
//
// With eight chains and 128 units a lane's tile is 8 x 4 sums. Four terms of it are 128 multiply-adds, fed by 8 loads
// of 16 bytes that are the same for all lanes (four terms of a chain) and 4 that are not (weights). A multiprocessor
// serves 128 bytes of shared memory a cycle and issues four instructions, so that they take 8 + 4 * 4 = 24 cycles of
// shared memory and, with what computes addresses, 144 / 4 = 36 of issue, 32 of which are multiply-adds: these bound
// it, and shared memory has a third to spare. Four chains alone would want 20 cycles of shared memory for 16 of
// multiply-adds.
#pragma once

#include "chain_net.cuh"
#include "vector.cuh"

namespace erg::kernels::cuda {

enum class Direction { forward, backward };

inline constexpr int parts = 4;  // of a wide sum

ERG_HD int terms_of(Direction direction, const ChainLayer& layer) {
  return direction == Direction::forward ? layer.in : layer.out;
}
ERG_HD int units_of(Direction direction, const ChainLayer& layer) {
  return direction == Direction::forward ? layer.out : layer.in;
}

/// What a term of a unit is multiplied with, from global memory: few are needed, and they stay in the nearest cache.
template <Direction direction>
__device__ __forceinline__ real weight_of(const ChainLayer& layer, int term, int unit) {
  return __ldg(layer.weight + (direction == Direction::forward ? term * layer.out + unit : unit * layer.out + term));
}

/// The sum over a warp's lanes, in all of them.
__device__ __forceinline__ real sum_of_lanes(real x) {
  for (int distance = warp_size / 2; distance > 0; distance /= 2) x += __shfl_xor_sync(all_lanes, x, distance);
  return x;
}

/// Copies rows x columns of a matrix to shared memory, followed by zeros up to a multiple of four of either. All
/// threads of the block take part; who reads it waits for copies and for the others.
__device__ inline void copy_weights(const real* from, int from_stride, int rows, int columns, real* to) {
  const int threads = blockDim.x * blockDim.y, thread = threadIdx.y * blockDim.x + threadIdx.x;
  const int stride = weight_stride(columns), lane = thread % warp_size;
  const bool aligned = (reinterpret_cast<uintptr_t>(from) / sizeof(real) | from_stride | columns) % 4 == 0;
  for (int row = thread / warp_size; row < round_up_to_four(rows); row += threads / warp_size)
    for (int column = 4 * lane; column < columns; column += 4 * warp_size) {
      const real* four = from + int64_t(row) * from_stride + column;
      real* copy = to + row * stride + column;
      if (aligned) {
        copy_async(copy, four, row < rows);
      } else {
        for (int i = 0; i < 4; ++i) copy_async_word(copy + i, four + i, row < rows && column + i < columns);
      }
    }
  commit_copies();
}

// ---- Wide products

/// Rows of a layer's matrix in shared memory that belong to `units` units of a product. Where they are is a number and
/// no pointer, which would not tell the compiler that it points to shared memory.
struct Panel {
  int at, stride, units;
};

/// Reads the weights of a lane's units; stores their sums. Which units these are is what lets all lanes together touch
/// every bank as often: forward consecutive ones, whose weights are one access; backward every 32nd, whose weights for
/// four terms are one access each.
template <class Tile, Direction direction, int units>
class LaneWeights;

template <class Tile, int units>
class LaneWeights<Tile, Direction::forward, units> {
 public:
  __device__ LaneWeights(const Panel& panel, int lane)
      : has_units_(units * lane < panel.units),
        first_(units * lane),
        at_(panel.at + (has_units_ ? first_ : 0)),
        stride_(panel.stride) {}

  /// w[i][j] is the weight of term 4 chunk + i in the lane's unit j.
  __device__ void load(const real* shared, int chunk, real (&w)[4][units]) const {
    for (int i = 0; i < 4; ++i) {
      const auto row = *reinterpret_cast<const Vector<real, units>*>(shared + at_ + (4 * chunk + i) * stride_);
      for (int j = 0; j < units; ++j) w[i][j] = row.at[j];
    }
  }
  __device__ void store(const real (&sum)[Tile::chains][units], real* sums) const {
    if (!has_units_) return;
    for (int c = 0; c < Tile::chains; ++c) {
      Vector<real, units> of_chain;
      for (int j = 0; j < units; ++j) of_chain.at[j] = sum[c][j];
      *reinterpret_cast<Vector<real, units>*>(sums + Tile::place(c, first_)) = of_chain;
    }
  }

 private:
  bool has_units_;
  int first_, at_, stride_;
};

template <class Tile, int units>
class LaneWeights<Tile, Direction::backward, units> {
 public:
  __device__ LaneWeights(const Panel& panel, int lane) : lane_(lane), count_(panel.units) {
    for (int j = 0; j < units; ++j) row_[j] = panel.at + (unit(j) < count_ ? unit(j) : 0) * panel.stride;
  }

  __device__ void load(const real* shared, int chunk, real (&w)[4][units]) const {
    for (int j = 0; j < units; ++j) {
      const auto terms = *reinterpret_cast<const Four<real>*>(shared + row_[j] + 4 * chunk);
      for (int i = 0; i < 4; ++i) w[i][j] = terms.at[i];
    }
  }
  __device__ void store(const real (&sum)[Tile::chains][units], real* sums) const {
    for (int j = 0; j < units; ++j)
      if (unit(j) < count_)
        for (int c = 0; c < Tile::chains; ++c) sums[Tile::place(c, lane_) + j * Tile::warp_of_units] = sum[c][j];
  }

 private:
  __device__ int unit(int j) const { return lane_ + warp_size * j; }

  int lane_, count_, row_[units];
};

/// sum[c][j] += the terms of chunks [begin, end), in order, for each chain c.
template <class Tile, class Weights, int units>
__device__ __forceinline__ void add_terms(const real* shared, const real* values, const Weights& weights, int begin,
                                          int end, real (&sum)[Tile::chains][units]) {
  ERG_UNROLL(4)  // the next four terms are on their way while these are multiplied
  for (int chunk = begin; chunk < end; ++chunk) {
    real w[4][units];
    weights.load(shared, chunk, w);
    for (int c = 0; c < Tile::chains; ++c) {
      const auto terms = *reinterpret_cast<const Four<real>*>(values + chunk * Tile::chunk + 4 * c);
      for (int i = 0; i < 4; ++i)
        for (int j = 0; j < units; ++j) sum[c][j] += terms.at[i] * w[i][j];
    }
  }
}

/// The warp's share of a panel's sums, for each chain of the tile, to `sums`, where the panel's first unit is.
template <class Tile, Direction direction, int units>
__device__ __forceinline__ void multiply_panel(const real* shared, const Panel& panel, const real* values, int terms,
                                               int warp, int lane, real* sums) {
  const LaneWeights<Tile, direction, units> weights(panel, lane);
  const int chunks = (terms + 3) / 4;
  real total[Tile::chains][units] = {};
  if constexpr (Tile::warps == parts) {
    add_terms<Tile>(shared, values, weights, warp * chunks / parts, (warp + 1) * chunks / parts, total);
  } else {
    static_assert(Tile::warps == 1);
    for (int part = 0; part < parts; ++part) {
      real sum[Tile::chains][units] = {};
      add_terms<Tile>(shared, values, weights, part * chunks / parts, (part + 1) * chunks / parts, sum);
      for (int c = 0; c < Tile::chains; ++c)
        for (int j = 0; j < units; ++j) total[c][j] += sum[c][j];
    }
  }
  weights.store(total, sums);
}

}  // namespace erg::kernels::cuda
