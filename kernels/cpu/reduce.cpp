// Sums along an axis on the CPU.
#include "../reduce.h"

#include "column_sums.h"
#include "isa.h"
#include "parallel.h"

#define ERG_ISA_BODY "reduce.inl"
#include "isa_expand.h"

namespace erg::kernels::cpu {

namespace {

void add_columns_dispatched(const AxisShape& s, int64_t row_stride, const Block& b, const real* x, double* totals) {
  ERG_ISA_CALL(add_columns, s, row_stride, b, x, totals);
}

void sum_short_axis_dispatched(const AxisShape& s, int64_t tiles, int64_t first, int64_t last, const real* x, real* y) {
  ERG_ISA_CALL(sum_short_axis, s, tiles, first, last, x, y);
}

}  // namespace

int64_t sum_axis_workspace(const AxisShape&) { return 0; }

void sum_axis(const Stream&, const AxisShape& s, const real* x, real*, real* y) {
  if (s.axis <= block_rows) {
    isa();  // throws, if at all, here and not on another thread
    const int64_t tiles = (s.inner + tile_columns - 1) / tile_columns;
    const int64_t task_elements = std::max<int64_t>(1, s.axis * std::min<int64_t>(tile_columns, s.inner));
    parallel_for(s.outer * tiles, std::max<int64_t>(1, part_elements / task_elements),
                 [&](int64_t begin, int64_t end) { sum_short_axis_dispatched(s, tiles, begin, end, x, y); });
    return;
  }
  const int64_t row_stride = FoldedShape(s).columns;
  column_totals<1>(
      s, [&](const Block& b, double* totals) { add_columns_dispatched(s, row_stride, b, x, totals); },
      [&](int64_t o, int64_t i, const double* total) { y[o * s.inner + i] = real(total[0]); });
}

}  // namespace erg::kernels::cpu
