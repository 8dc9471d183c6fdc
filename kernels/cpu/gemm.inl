// Blocked matrix multiplication (Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS
// 34, 2008). C is computed block by block; for each, blocks of `block_k` terms are added in order, so the result
// depends on no thread count. Within a block op(B) is packed into panels as wide as a register tile, and op(A) into
// panels as high as one for an outer_tile, unless its rows can feed a broadcast_tile as they lie.

#include "tile.inl"

constexpr int64_t block_m = 768, block_n = 1024, block_k = 512;
constexpr int64_t group_rows_max = 96, group_columns = 128;  // of C, computed by one thread at a time
constexpr double chunk_flops = 5e5;                          // less is not worth waking a thread for

/// The block of C and of the sum that is being worked on.
struct GemmBlock {
  int64_t row, column, term;
  int64_t rows, columns, terms;
  int64_t group_rows;

  int64_t groups() const { return ceil_div(rows, group_rows) * ceil_div(columns, group_columns); }
};

/// Rows of a group: fewer than the most if there would not be a few groups for every thread.
inline int64_t group_rows_of(GemmBlock block) {
  block.group_rows = group_rows_max;
  while (block.group_rows > 4 * rows_max && block.groups() < 4 * max_threads()) block.group_rows /= 2;
  return block.group_rows;
}

/// The left operand of a block. Row i begins at data + i*step; or, if panels, panel t holds `terms` times
/// rows_max consecutive rows.
struct LeftBlock {
  const real* data;
  int64_t step;
  bool panels;
};

/// Panel `panel` of op(B)'s block, the columns from panel*columns_max on, as [terms][width].
inline void pack_right(const GemmShape& s, const GemmBlock& block, const real* b, int64_t panel, real* packed) {
  const int64_t first = panel * columns_max;
  const int columns = int(smaller(columns_max, block.columns - first)), width = tile_width(columns);
  const int64_t term_step = s.transpose_b ? 1 : s.n, column_step = s.transpose_b ? s.k : 1;
  const real* from = b + block.term * term_step + (block.column + first) * column_step;
  packed += first * block.terms;
  for (int64_t p = 0; p < block.terms; ++p, from += term_step, packed += width)
    pack_line(from, column_step, columns, width, packed);
}

/// Panel `panel` of op(A)'s block: [terms][rows_max].
inline void pack_left_panel(const GemmShape& s, const GemmBlock& block, const real* a, int64_t panel, real* packed) {
  const int64_t first = panel * rows_max, rows = smaller(rows_max, block.rows - first);
  const int64_t term_step = s.transpose_a ? s.m : 1, row_step = s.transpose_a ? 1 : s.k;
  const real* from = a + block.term * term_step + (block.row + first) * row_step;
  packed += first * block.terms;
  for (int64_t p = 0; p < block.terms; ++p, from += term_step, packed += rows_max)
    for (int64_t i = 0; i < rows; ++i) packed[i] = from[i * row_step];
}

/// One tile of C: rows first_row ..., columns of one panel.
inline void gemm_tile(const GemmShape& s, const GemmBlock& block, const LeftBlock& left, const real* right,
                      int64_t first_row, int64_t first_column, real* c) {
  const int rows = int(smaller(rows_max, block.rows - first_row));
  TileOut out;
  out.columns = int(smaller(columns_max, block.columns - first_column));
  out.add = block.term > 0;
  for (int i = 0; i < rows; ++i) {
    out.row[i] = c + (block.row + first_row + i) * s.n + block.column + first_column;
    __builtin_prefetch(out.row[i], 1);
  }
  const bool wide = out.columns > lanes;
  right += first_column * block.terms;
  if (left.panels) {
    const real* panel = left.data + first_row * block.terms;
    const Outer terms{1, int(block.terms), &panel, 0, rows_max, right, tile_width(out.columns)};
    return wide ? outer_rows<2>(rows, terms, out) : outer_rows<1>(rows, terms, out);
  }
  const real* row[rows_max];
  for (int i = 0; i < rows; ++i) row[i] = left.data + (first_row + i) * left.step;
  const Runs runs{1, 0, int(block.terms)};
  return wide ? broadcast_rows<2>(rows, runs, row, right, out) : broadcast_rows<1>(rows, runs, row, right, out);
}

/// One group of tiles of C. A panel of B stays in the nearest caches while A's rows go by.
inline void gemm_group(const GemmShape& s, const GemmBlock& block, const LeftBlock& left, const real* right,
                       int64_t group, real* c) {
  const int64_t groups_down = ceil_div(block.rows, block.group_rows);
  const int64_t row = group % groups_down * block.group_rows, column = group / groups_down * group_columns;
  const int64_t row_end = smaller(row + block.group_rows, block.rows);
  const int64_t column_end = smaller(column + group_columns, block.columns);
  for (int64_t j = column; j < column_end; j += columns_max)
    for (int64_t i = row; i < row_end; i += rows_max) gemm_tile(s, block, left, right, i, j, c);
}

/// Makes A's block ready. Packing it costs as much as a few columns of C, and serves to read a large block often.
inline LeftBlock pack_left(const GemmShape& s, const GemmBlock& block, const real* a, real* packed) {
  if (!s.transpose_a && (s.k <= block_k || s.n <= 2 * group_columns))
    return {a + block.row * s.k + block.term, s.k, false};
  parallel_for(ceil_div(block.rows, rows_max), 16, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) pack_left_panel(s, block, a, panel, packed);
  });
  return {packed, 0, true};
}

// ---- Few columns: dot products of A's rows with them ----

ERG_HD bool prefers_dot(const GemmShape& s) {
  return !s.transpose_a && s.n > 0 && s.n <= dot_columns_max && s.k >= lanes;
}

inline void gemm_dot(const GemmShape& s, const real* a, const real* b, real* packed, real* c) {
  const int64_t length = dot_length(int(s.k)), whole = s.k / lanes * lanes;
  for (int64_t j = 0; j < s.n; ++j)
    for (int64_t p = 0; p < length; ++p) {
      const int64_t term = p < whole ? p : p - length + s.k;  // the last vector overlaps the one before
      packed[j * length + p] = p < whole || term >= whole ? (s.transpose_b ? b[j * s.k + term] : b[term * s.n + j]) : 0;
    }
  const Runs runs{1, 0, int(s.k)};
  const int rows_most = dot_rows(int(s.n));
  parallel_for(s.m, int64_t(1 + chunk_flops / (2.0 * s.n * s.k)), [&](int64_t begin, int64_t end) {
    const real* row[rows_max];
    TileOut out;
    out.columns = int(s.n);
    out.add = false;
    for (int64_t first = begin; first < end; first += rows_most) {
      const int rows = int(smaller(rows_most, end - first));
      for (int i = 0; i < rows; ++i) {
        row[i] = a + (first + i) * s.k;
        out.row[i] = c + (first + i) * s.n;
      }
      dot_any(rows, runs, row, packed, out);
    }
  });
}

// ---- One row: B's rows, each times a number, are added up as they lie ----

constexpr int64_t row_columns = 1024;  // of C whose sums stay in the first-level cache

ERG_HD bool prefers_row(const GemmShape& s) { return s.m == 1 && !s.transpose_b && !prefers_dot(s); }

/// Sums have the order of the tiles': a row's bits do not depend on how many there are.
inline void gemm_row(const GemmShape& s, const real* a, const real* b, real* __restrict c) {
  parallel_for(s.n, row_columns, [&](int64_t begin, int64_t end) {
    const int64_t columns = end - begin;
    for (int64_t j = begin; j < end; ++j) c[j] = 0;
    for (int64_t term = 0; term < s.k; term += block_k) {
      real sum[row_columns];
      for (int64_t j = 0; j < columns; ++j) sum[j] = 0;
      const int64_t last = smaller(s.k, term + block_k);
      int64_t p = term;
      for (; p + 4 <= last; p += 4) {
        const real *b0 = b + p * s.n + begin, *b1 = b0 + s.n, *b2 = b1 + s.n, *b3 = b2 + s.n;
        const real a0 = a[p], a1 = a[p + 1], a2 = a[p + 2], a3 = a[p + 3];
        for (int64_t j = 0; j < columns; ++j) {
          const real first = sum[j] + a0 * b0[j], second = first + a1 * b1[j], third = second + a2 * b2[j];
          sum[j] = third + a3 * b3[j];
        }
      }
      for (; p < last; ++p)
        for (int64_t j = 0; j < columns; ++j) sum[j] += a[p] * b[p * s.n + begin + j];
      for (int64_t j = 0; j < columns; ++j) c[begin + j] = term > 0 ? c[begin + j] + sum[j] : sum[j];
    }
  });
}

// ---- The whole ----

/// A column times a transposed matrix is computed as the row it also is: C, a vector, lies the same.
ERG_HD bool prefers_swap(const GemmShape& s) { return s.transpose_a && s.n == 1; }
ERG_HD GemmShape swapped(const GemmShape& s) { return {s.n, s.m, s.k}; }

inline int64_t gemm_workspace(const GemmShape& s) {
  if (prefers_swap(s)) return gemm_workspace(swapped(s));
  if (prefers_dot(s)) return s.n * dot_length(int(s.k));
  if (prefers_row(s)) return 0;
  const int64_t terms = smaller(s.k, block_k);
  return terms * (round_up(smaller(s.n, block_n), columns_max) + round_up(smaller(s.m, block_m), rows_max));
}

inline void gemm(const GemmShape& s, const real* a, const real* b, real* workspace, real* c) {
  if (prefers_swap(s)) return gemm(swapped(s), b, a, workspace, c);
  if (prefers_dot(s)) return gemm_dot(s, a, b, workspace, c);
  if (prefers_row(s)) return gemm_row(s, a, b, c);
  if (s.k == 0)
    for (int64_t i = 0; i < s.m * s.n; ++i) c[i] = 0;
  real* right = workspace;
  real* left_packed = workspace + smaller(s.k, block_k) * round_up(smaller(s.n, block_n), columns_max);
  GemmBlock block;
  for (block.column = 0; block.column < s.n; block.column += block_n) {
    block.columns = smaller(block_n, s.n - block.column);
    for (block.term = 0; block.term < s.k; block.term += block_k) {
      block.terms = smaller(block_k, s.k - block.term);
      parallel_for(ceil_div(block.columns, columns_max), 8, [&](int64_t begin, int64_t end) {
        for (int64_t panel = begin; panel < end; ++panel) pack_right(s, block, b, panel, right);
      });
      for (block.row = 0; block.row < s.m; block.row += block_m) {
        block.rows = smaller(block_m, s.m - block.row);
        const LeftBlock left = pack_left(s, block, a, left_packed);
        block.group_rows = group_rows_of(block);
        const double flops = 2.0 * block.group_rows * group_columns * block.terms;
        parallel_for(block.groups(), int64_t(1 + chunk_flops / flops), [&](int64_t begin, int64_t end) {
          for (int64_t group = begin; group < end; ++group) gemm_group(s, block, left, right, group, c);
        });
      }
    }
  }
}
