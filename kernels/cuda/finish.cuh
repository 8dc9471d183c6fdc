// What becomes of an element of C once its sum is known: finish(sum, column). Applied while the tile is still in
// registers or, where several blocks share a tile, by the kernel that adds their sums up. A finish that sums_columns
// also wants, of each tile, what its columns come to (tile_moments.cuh); its tiles are never shared.
#pragma once

#include "../functors.h"
#include "portable.cuh"

namespace erg::kernels::cuda {

struct Plain {
  static constexpr bool sums_columns = false;
  ERG_HD real operator()(real sum, int64_t) const { return sum; }
};

/// C as it is, and for the p-th row of tiles its sums of column j in sums[(2 p) n + j], of squares in
/// sums[(2 p + 1) n + j]: the parts that batch normalisation merges (norm.cuh).
struct ColumnMoments {
  static constexpr bool sums_columns = true;
  double* sums;
  ERG_HD real operator()(real sum, int64_t) const { return sum; }
};

struct BiasLeakyRelu {
  static constexpr bool sums_columns = false;
  const real* bias;  // [n]
  functors::LeakyRelu activation;
  ERG_HD real operator()(real sum, int64_t column) const { return activation(sum + bias[column]); }
};

/// c[i] = finish(sum over s of sums[s][i]), for an array of rows of n elements.
template <class Finish>
__global__ void add_splits_kernel(int64_t size, int64_t n, int splits, const real* sums, const Finish finish, real* c) {
  const int64_t step = int64_t(gridDim.x) * blockDim.x;
  for (int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < size; i += step) {
    real sum = 0;
    for (int s = 0; s < splits; ++s) sum += sums[s * size + i];
    c[i] = finish(sum, i % n);
  }
}

template <class Finish>
void add_splits(const Stream& stream, int64_t size, int64_t n, int splits, const real* sums, const Finish& finish,
                real* c) {
  constexpr int threads = 256;
  launch(add_splits_kernel<Finish>, grid_for(stream, size, threads), threads, 0, stream, size, n, splits, sums, finish,
         c);
}

}  // namespace erg::kernels::cuda
