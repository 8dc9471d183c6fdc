// Sums along an axis on the device. Three shapes of work, told apart by the shape alone, so that one tensor is always
// summed in one order:
//
//   rows           inner = 1, and the rows short or many: as many lanes of a warp as a row keeps busy share it;
//   a short axis   a thread for each sum: neighbouring threads read neighbouring elements, and nothing is shared;
//   columns        everything else, among it the sum of all elements: blocks share a tile of columns, and where these
//   are
//                  too few to fill the device, the axis too, in parts that a second launch merges (column_sums.cuh).
#include "../reduce.h"

#include <bit>

#include "column_sums.cuh"

namespace erg::kernels::cuda {

namespace {

constexpr int block_threads = 256;

// ---- Rows

/// y[r] = sum_a x[r,a]. `lanes`, a power of two up to 32, share a row. Every lane stays to the end of its warp's loop,
/// because the shuffles name them all.
template <bool aligned>
__global__ void __launch_bounds__(block_threads)
    sum_rows(int64_t rows, int64_t axis, int lanes, const real* x, real* y) {
  const int lane = threadIdx.x % lanes, row_of_warp = threadIdx.x % warp_size / lanes;
  for (int64_t row = thread_index() / lanes; row - row_of_warp < rows; row += thread_count() / lanes) {
    double total = 0;
    if (row < rows) {
      ERG_UNROLL(4)
      for (int64_t a = 4 * lane; a < axis; a += 4 * lanes) {
        const Four<real> four = load(x + row * axis, Part{a, 0, int(min(int64_t(4), axis - a)), aligned});
        total += sum_of(four.at);
      }
    }
    for (int distance = lanes / 2; distance > 0; distance /= 2) total += __shfl_xor_sync(all_lanes, total, distance);
    if (lane == 0 && row < rows) y[row] = real(total);
  }
}

void launch_rows(const Stream& stream, const AxisShape& s, const real* x, real* y) {
  const bool aligned = is_aligned(x) && s.axis % 4 == 0;
  const int64_t fours = std::clamp<int64_t>(ceil_div(s.axis, 4), 1, warp_size);
  const int lanes = int(std::bit_floor(uint64_t(fours)));
  launch(aligned ? sum_rows<true> : sum_rows<false>, grid_for(stream, s.outer * lanes, block_threads), block_threads, 0,
         stream, s.outer, s.axis, lanes, x, y);
}

// ---- A short axis

/// y[o,i] = sum_a x[o,a,i]. So few terms need no doubles.
__global__ void __launch_bounds__(block_threads) sum_short_axis(AxisShape s, const real* x, real* y) {
  const int64_t sums = s.outer * s.inner;
  for (int64_t i = thread_index(); i < sums; i += thread_count()) {
    const real* from = x + i / s.inner * (s.axis - 1) * s.inner + i;
    real sum = 0;
    int64_t a = 0;
    for (; a + 4 <= s.axis; a += 4, from += 4 * s.inner)
      sum += (from[0] + from[s.inner]) + (from[2 * s.inner] + from[3 * s.inner]);
    for (; a < s.axis; ++a, from += s.inner) sum += *from;
    y[i] = sum;
  }
}

// ---- Columns

/// Out is real, and `out` the result, if there is one part, else double, and `out` the workspace.
template <bool aligned, class Out>
__global__ void __launch_bounds__(column_threads, 2) sum_columns(ColumnPlan plan, const real* x, Out* out) {
  ERG_SHARED(double, shared);
  const ColumnPlace place(plan);
  column_totals<1, 4>(plan, place, shared, [&](int64_t at, auto n, double(&totals)[1][4]) {
    Four<real> rows[n];
    load_rows<aligned>(x, at, place.rows.step, place.present, rows);
    for (int k = 0; k < 4; ++k) {
      real terms[n];
      for (int i = 0; i < n; ++i) terms[i] = rows[i].at[k];
      totals[0][k] += sum_of(terms);
    }
  });
  store_part<1>(plan, place, shared, out);
}

__global__ void __launch_bounds__(merge_threads)
    sum_parts(int64_t matrices, unsigned parts, int64_t inner, const double* workspace, real* y) {
  ERG_SHARED(double, shared);
  merge_parts<1>(matrices, parts, inner, workspace, shared);
  const int64_t column = merge_column();
  if (threadIdx.x < merge_columns && column < matrices * inner) y[column] = real(shared[threadIdx.x]);
}

template <bool aligned>
void launch_columns(const Stream& stream, const AxisShape& s, const ColumnPlan& plan, const real* x, double* workspace,
                    real* y) {
  if (plan.parts == 1) {
    launch(sum_columns<aligned, real>, plan.grid(), plan.block(), plan.shared_bytes(1), stream, plan, x, y);
    return;
  }
  launch(sum_columns<aligned, double>, plan.grid(), plan.block(), plan.shared_bytes(1), stream, plan, x, workspace);
  launch(sum_parts, merge_blocks(s.outer * s.inner), merge_threads, merge_shared_bytes(1), stream, s.outer, plan.parts,
         s.inner, workspace, y);
}

// ---- Which

enum class Way { nothing, rows, short_axis, columns };

Way way_of(const AxisShape& s) {
  // A warp can share a row of this length; of longer ones there must be enough warps to fill the device.
  constexpr int64_t short_row = 512, many_rows = 1024, short_axis = 16;
  if (s.outer * s.inner == 0) return Way::nothing;
  if (s.inner == 1 && (s.axis <= short_row || s.outer >= many_rows)) return Way::rows;
  return s.axis <= short_axis ? Way::short_axis : Way::columns;
}

ColumnPlan plan_of(const AxisShape& s) { return {s.outer, s.axis, s.inner}; }

}  // namespace

int64_t sum_axis_workspace(const AxisShape& s) { return way_of(s) == Way::columns ? plan_of(s).workspace(1) : 0; }

void sum_axis(const Stream& stream, const AxisShape& s, const real* x, real* workspace, real* y) {
  switch (way_of(s)) {
    case Way::nothing: return;
    case Way::rows: return launch_rows(stream, s, x, y);
    case Way::short_axis:
      return launch(sum_short_axis, grid_for(stream, s.outer * s.inner, block_threads), block_threads, 0, stream, s, x,
                    y);
    case Way::columns: {
      const ColumnPlan plan = plan_of(s);
      double* partial = reinterpret_cast<double*>(workspace);
      return plan.aligned(x) ? launch_columns<true>(stream, s, plan, x, partial, y)
                             : launch_columns<false>(stream, s, plan, x, partial, y);
    }
  }
}

}  // namespace erg::kernels::cuda
