// The inner loops of sum_axis. See column_sums.h for the order of summation.

static void add_columns(const AxisShape& s, int64_t row_stride, const Block& b, const real* x, double* totals) {
  add_block(b, Entry{x + b.matrix * s.axis * s.inner + b.first_column, row_stride}, totals);
}

/// y[o,i] = sum_a x[o,a,i] for an axis of one block at most, which needs no totals. Tasks are (o, tile of columns).
static void sum_short_axis(const AxisShape& s, int64_t tiles, int64_t first_task, int64_t last_task, const real* x,
                           real* y) {
  for (int64_t task = first_task; task < last_task; ++task) {
    const int64_t o = task / tiles, column = task % tiles * tile_columns;
    const int64_t width = column + tile_columns < s.inner ? tile_columns : s.inner - column;
    block_sums(0, s.axis, int(width), Entry{x + o * s.axis * s.inner + column, s.inner}, y + o * s.inner + column);
  }
}
