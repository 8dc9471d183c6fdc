// Sums down the columns of matrices, in a fixed order: the common ground of sum_axis and batch_norm.
//
// A thread has four neighbouring columns, which it reads 16 bytes at a time, and every `lanes`-th of a run of rows; a
// block has a tile of columns and one part of the rows. A narrow matrix is folded: as many rows as make a multiple of
// four columns are read as one wide row, and these phases of a column are added at the end. Who gets what depends on
// the shape alone, never on the device, and so the results do not either.
//
// Accuracy: up to four rows are added in float, as a tree; whatever is added to that, by the thread, across the lanes
// of the block, phases and parts, is added in double. That is one conversion and one addition in double for four
// elements, which even a GPU with few units for double hides behind its memory.
//
//   ColumnPlan(matrices, axis, inner)               on the host: who gets what
//   for_rows<n>(rows, body)                         a thread's rows, n at a time
//   column_totals<q, n>(plan, place, shared, add)   the sums of a block: q for each column
//   merge_parts<q>(...)                             the sums of all parts, in a second launch
#pragma once

#include <algorithm>
#include <numeric>
#include <type_traits>

#include "vector.cuh"

namespace erg::kernels::cuda {

/// The most threads of a block, for __launch_bounds__.
inline constexpr int column_threads = 512;

/// How the columns of `matrices` matrices [axis, inner] are dealt out.
///
/// Few rows are a block's alone: tiles are then as narrow as gives all lanes something to do, but 32 bytes wide, in
/// which memory is read. Of many rows there are parts, and wide tiles for long stretches of memory. All these blocks at
/// once fill an H200 (132 multiprocessors with four blocks of 256 threads and 64 registers each): they end together,
/// and a second pass that walks backwards finds their last rows in the cache.
struct ColumnPlan {
  int64_t inner;
  int64_t rows, columns;  // of a folded matrix
  int64_t part_rows;      // how many of these rows a part has
  int fold;               // rows side by side in a folded row
  int tile, lanes;        // threads of a block: a four of columns each, in each lane
  unsigned tiles, parts, matrices;

  ColumnPlan(int64_t matrices, int64_t axis, int64_t inner) : inner(inner), matrices(unsigned(matrices)) {
    constexpr int64_t few_rows = 2048, folded_columns = 64, narrow_tile = 2, wide_tile = 64, many_blocks = 512;
    const int64_t phases = 4 / std::gcd<int64_t>(4, inner);
    fold = axis % phases == 0 && inner * phases <= folded_columns ? int(phases) : 1;
    rows = axis / fold;
    columns = inner * fold;

    const bool few = rows <= few_rows;
    const int64_t threads = few ? column_threads : column_threads / 2;
    const int64_t fours = ceil_div(columns, 4), a_row_each = threads / std::max<int64_t>(1, rows),
                  enough_blocks = matrices * fours / (many_blocks / 2);
    int64_t widest = few ? std::clamp(std::max(a_row_each, enough_blocks), narrow_tile, wide_tile) : wide_tile;
    if (fold > 1) widest = std::max(widest, fours);  // all phases of a column are in one tile
    tiles = unsigned(ceil_div(fours, widest));
    tile = int(ceil_div(fours, tiles));
    lanes = int(std::clamp<int64_t>(rows, 1, threads / tile));

    // A part is worth a block from eight rows a lane on, and has a multiple of the four that a lane reads at once.
    const int64_t wanted = few ? 1 : std::min(many_blocks / (matrices * tiles), rows / (8 * lanes));
    part_rows = ceil_div(ceil_div(rows, std::max<int64_t>(1, wanted)), 4 * lanes) * 4 * lanes;
    parts = rows == 0 ? 1 : unsigned(ceil_div(rows, part_rows));
  }

  dim3 grid() const { return {matrices * tiles, parts}; }
  dim3 block() const { return {unsigned(tile), unsigned(lanes)}; }
  size_t shared_bytes(int quantities) const { return sizeof(double) * 4 * size_t(quantities * lanes * tile); }
  /// In reals: what the parts of every column come to, in double.
  int64_t workspace(int quantities) const {
    return parts == 1 ? 0 : int64_t(matrices) * parts * quantities * inner * int64_t(sizeof(double) / sizeof(real));
  }
  /// Whether a thread's four columns of these arrays are one access.
  template <class... T>
  bool aligned(const T*... arrays) const {
    return columns % 4 == 0 && (is_aligned(arrays) && ...);
  }
};

/// Rows of a thread: the element its first one begins at, the elements from one to the next, how many.
struct ThreadRows {
  int64_t start, step, count;

  __device__ __forceinline__ ThreadRows backwards() const { return {start + (count - 1) * step, -step, count}; }
};

/// Where a thread stands.
struct ColumnPlace {
  unsigned matrix;
  int64_t tile_column, column;  // the first of the block, and of the thread
  int outputs;                  // columns of the matrix, unfolded, in the block's tile
  int present;                  // how many of the thread's four columns there are
  ThreadRows rows;

  __device__ __forceinline__ explicit ColumnPlace(const ColumnPlan& plan) {
    matrix = blockIdx.x / plan.tiles;
    const unsigned tile = blockIdx.x % plan.tiles;
    tile_column = 4 * int64_t(tile * plan.tile);
    // Four times a 32-bit number: of that shape the compiler sees that four stores in a row can be one.
    column = 4 * int64_t(tile * plan.tile + threadIdx.x);
    outputs = int(min(int64_t(4 * plan.tile), plan.columns - tile_column)) / plan.fold;
    present = int(max(int64_t(0), min(int64_t(4), plan.columns - column)));
    const int64_t begin = blockIdx.y * plan.part_rows, end = min(plan.rows, begin + plan.part_rows);
    const int64_t first = begin + threadIdx.y;
    rows.start = (matrix * plan.rows + first) * plan.columns + column;
    rows.step = plan.lanes * plan.columns;
    // A 32-bit division does: a matrix of more rows is cut into parts.
    rows.count = present > 0 && first < end ? unsigned(end - first + plan.lanes - 1) / unsigned(plan.lanes) : 0;
  }

  /// The column of the matrix, unfolded, that the thread's k-th one is; the last one where there is none.
  __device__ __forceinline__ int64_t unfolded(const ColumnPlan& plan, int k) const {
    return plan.fold > 1 ? unsigned(column + k) % unsigned(plan.inner) : min(column + k, plan.inner - 1);
  }
};

/// Calls body(at, n) for rows at element `at` and behind it, n = `group` of them as long as there are so many, then
/// one. Not unrolled: `group` is how many loads are to be on their way, and registers are what they cost.
template <int group, class Body>
__device__ __forceinline__ void for_rows(ThreadRows rows, const Body& body) {
  ERG_UNROLL(1)
  for (; rows.count >= group; rows.count -= group, rows.start += group * rows.step)
    body(rows.start, std::integral_constant<int, group>());
  ERG_UNROLL(1)
  for (; rows.count > 0; --rows.count, rows.start += rows.step) body(rows.start, std::integral_constant<int, 1>());
}

/// n rows, `step` elements apart, of a thread's four columns, all on their way at once.
template <bool aligned, int n>
__device__ __forceinline__ void load_rows(const real* x, int64_t at, int64_t step, int present, Four<real> (&rows)[n]) {
  for (int i = 0; i < n; ++i) rows[i] = load(x, Part{at + i * step, 0, present, aligned});
}

/// The sum as a tree.
template <int n>
__device__ __forceinline__ real sum_of(const real (&terms)[n]) {
  static_assert(n == 1 || n == 2 || n == 4);
  if constexpr (n == 1) return terms[0];
  if constexpr (n == 2) return terms[0] + terms[1];
  if constexpr (n == 4) return (terms[0] + terms[1]) + (terms[2] + terms[3]);
}

/// The running number of a thread in its block, and how many there are.
__device__ __forceinline__ int thread_of_block() { return int(threadIdx.y * blockDim.x + threadIdx.x); }
__device__ __forceinline__ int threads_of_block() { return int(blockDim.x * blockDim.y); }

/// Adds up what the lanes of a block have left in shared memory, `entries` numbers each: lane 0 has the sums, for all
/// threads to read.
__device__ __forceinline__ void sum_lanes(int lanes, int entries, double* shared) {
  __syncthreads();
  while (lanes > 1) {
    const int kept = (lanes + 1) / 2;
    for (int i = thread_of_block(); i < (lanes - kept) * entries; i += threads_of_block())
      shared[i] += shared[kept * entries + i];
    lanes = kept;
    __syncthreads();
  }
}

/// Sums `quantities` numbers for each column of the block. add(at, n, totals) adds those of n rows of the thread's four
/// columns. Quantity q of the tile's folded column c is then shared[4 * tile * q + c].
template <int quantities, int group, class Add>
__device__ __forceinline__ void column_totals(const ColumnPlan& plan, const ColumnPlace& place, double* shared,
                                              const Add& add) {
  double totals[quantities][4] = {};
  for_rows<group>(place.rows, [&](int64_t at, auto n) { add(at, n, totals); });
  const int width = 4 * plan.tile;
  for (int q = 0; q < quantities; ++q)
    for (int k = 0; k < 4; ++k)
      shared[int(threadIdx.y * quantities + q) * width + int(4 * threadIdx.x) + k] = totals[q][k];
  sum_lanes(plan.lanes, quantities * width, shared);
}

/// Calls body(column, totals) for each column of the matrix in the block's tile, its phases added.
template <int quantities, class Body>
__device__ __forceinline__ void for_outputs(const ColumnPlan& plan, const ColumnPlace& place, const double* shared,
                                            const Body& body) {
  for (int i = thread_of_block(); i < place.outputs; i += threads_of_block()) {
    double totals[quantities] = {};
    for (int q = 0; q < quantities; ++q)
      for (int phase = 0; phase < plan.fold; ++phase)
        totals[q] += shared[4 * plan.tile * q + int(plan.inner) * phase + i];
    body(place.tile_column + i, totals);
  }
}

// ---- Parts. Quantity q of column c of part p of matrix m: workspace[((m * parts + p) * quantities + q) * inner + c].

/// Leaves a block's sums in the workspace; or, if there is one part, in the result, which is laid out like that too.
template <int quantities, class Out>
__device__ __forceinline__ void store_part(const ColumnPlan& plan, const ColumnPlace& place, const double* shared,
                                           Out* out) {
  Out* part = out + (int64_t(place.matrix) * plan.parts + blockIdx.y) * quantities * plan.inner;
  for_outputs<quantities>(plan, place, shared, [&](int64_t column, const double(&totals)[quantities]) {
    for (int q = 0; q < quantities; ++q) part[q * plan.inner + column] = Out(totals[q]);
  });
}

/// A block that merges parts has as many threads: for 16 columns (128 bytes of doubles), 64 lanes that share the parts.
inline constexpr int merge_columns = 16, merge_lanes = 64, merge_threads = merge_columns * merge_lanes;

inline unsigned merge_blocks(int64_t columns) { return unsigned(ceil_div(columns, merge_columns)); }
inline size_t merge_shared_bytes(int quantities) { return sizeof(double) * size_t(merge_threads * quantities); }

/// The column a thread merges, of all columns of all matrices.
__device__ __forceinline__ int64_t merge_column() {
  return int64_t(blockIdx.x) * merge_columns + threadIdx.x % merge_columns;
}

/// Sums over the parts: quantity q of the thread's column is then shared[merge_columns * q + threadIdx.x], for the
/// first merge_columns threads.
template <int quantities>
__device__ __forceinline__ void merge_parts(int64_t matrices, unsigned parts, int64_t inner, const double* workspace,
                                            double* shared) {
  const int64_t column = merge_column(), matrix = column / inner;
  const int lane = threadIdx.x / merge_columns;
  double totals[quantities] = {};
  if (matrix < matrices) {
    const double* first = workspace + matrix * (parts * quantities - 1) * inner + column;
    for (unsigned p = lane; p < parts; p += merge_lanes)
      for (int q = 0; q < quantities; ++q) totals[q] += first[(p * quantities + q) * inner];
  }
  for (int q = 0; q < quantities; ++q)
    shared[(lane * quantities + q) * merge_columns + threadIdx.x % merge_columns] = totals[q];
  sum_lanes(merge_lanes, quantities * merge_columns, shared);
}

}  // namespace erg::kernels::cuda
