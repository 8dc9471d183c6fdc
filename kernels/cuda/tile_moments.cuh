// The sums of a tile's columns and of their squares, taken from the registers the tile is still in: what batch
// normalisation needs of a convolution's result, without reading it again.
//
// A column is shared by 16 threads. Each adds up its rows in float, the squares about their own mean so that the
// variance loses no digits (norm.cu), and leaves the two sums in shared memory, where one thread adds the 16 in double.
#pragma once

#include "portable.cuh"

namespace erg::kernels::cuda {

inline constexpr int sharers = 16;  // threads of a column

/// Columns of shared memory for a tile's: with eight more, neighbouring sharers write to different banks.
constexpr int moments_stride(int tile_n) { return tile_n + 8; }
constexpr size_t moments_bytes(int tile_n) { return sizeof(double) * 2 * sharers * moments_stride(tile_n); }

struct Moments {
  double sum, squares;
};

/// Of the thread's rows in a column, those that there are; value(i) is the one in its row i.
template <class Part, class Multiply, class Value>
__device__ __forceinline__ Moments moments_of_rows(const Part& part, int64_t m, const Multiply& multiply,
                                                   const Value& value) {
  int count = 0;
  real sum = 0, squares = 0;
  ERG_UNROLL(Multiply::rows)
  for (int i = 0; i < Multiply::rows; ++i)
    if (m + multiply.row(i) < part.m) sum += value(i), ++count;
  const real mean = count > 0 ? sum / real(count) : 0;
  ERG_UNROLL(Multiply::rows)
  for (int i = 0; i < Multiply::rows; ++i)
    if (m + multiply.row(i) < part.m) squares += (value(i) - mean) * (value(i) - mean);
  return {double(sum), double(squares) + double(sum) * double(mean)};
}

/// Writes the sums of the tile whose first element is (m, n) to sums[column], those of squares to
/// sums[part.n + column].
template <int tile_n, class Part, class Multiply>
__device__ __forceinline__ void leave_moments(const Part& part, int64_t m, int64_t n, const Multiply& multiply,
                                              double* sums) {
  constexpr int stride = moments_stride(tile_n);
  ERG_SHARED(double, shared);
  __syncthreads();  // nobody reads the last panels any more
  double* const own = shared + multiply.sharer() * stride;
  ERG_UNROLL(Multiply::pairs)
  for (int j = 0; j < Multiply::pairs; ++j) {
    const Moments first = moments_of_rows(part, m, multiply, [&](int i) { return multiply.first(i, j); });
    const Moments second = moments_of_rows(part, m, multiply, [&](int i) { return multiply.second(i, j); });
    const int column = multiply.column(j);
    own[column] = first.sum, own[column + 1] = second.sum;
    own[sharers * stride + column] = first.squares, own[sharers * stride + column + 1] = second.squares;
  }
  __syncthreads();
  for (int i = threadIdx.x; i < 2 * tile_n; i += int(blockDim.x)) {
    const int quantity = i / tile_n, column = i % tile_n;
    if (n + column >= part.n) continue;
    double total = 0;
    for (int s = 0; s < sharers; ++s) total += shared[(quantity * sharers + s) * stride + column];
    sums[quantity * part.n + n + column] = total;
  }
}

}  // namespace erg::kernels::cuda
