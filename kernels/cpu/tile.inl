// Register tiles: the innermost loops that matrix multiplication and convolution share. Part of gemm.inl and conv.inl.
//
// A tile is a few rows of outputs (output pixels, rows of C) by a few columns (output channels, columns of C) whose
// sums stay in registers while the loop runs over what is summed. It comes in three kinds, by what the left operand
// offers:
//
//   broadcast_tile   each row of the tile has its own run of consecutive terms: A's rows, an image's pixels
//   outer_tile       consecutive rows of the tile are consecutive in memory, term after term: A transposed, conv2d_dw
//   dot_tile         as broadcast_tile, with so few columns that the registers are better spent along the run
//
// `rows_max` x `vectors_max` sums, one broadcast value and `vectors_max` weights fill 16 registers. With 32 registers
// the limit is the general ones: every row of a broadcast_tile keeps a pointer.

constexpr int rows_max = registers >= 32 ? 8 : 6;
constexpr int vectors_max = 2;
constexpr int columns_max = vectors_max * lanes;

/// What follows a sum before it is stored: y = leaky_relu(sum + bias[column]), or nothing where there is no bias.
struct Epilogue {
  const real* bias = nullptr;
  real negative_slope = 1;
};

/// Where a tile's result goes: row i to out[i][0 .. columns), overwriting it or adding to it.
struct TileOut {
  real* row[rows_max];
  int columns;
  bool add;
  Epilogue epilogue{};
};

ERG_HD Vector load(const real* p) { return *reinterpret_cast<const Unaligned*>(p); }
ERG_HD void store(real* p, Vector v) { *reinterpret_cast<Unaligned*>(p) = v; }

/// Packs one line of a panel: `count` values `step` apart, then zeros up to `width`.
ERG_HD void pack_line(const real* from, int64_t step, int count, int width, real* to) {
  if (step == 1 && count == columns_max) {
#pragma GCC unroll 2
    for (int j = 0; j < vectors_max; ++j) store(to + j * lanes, load(from + j * lanes));
    return;
  }
  for (int c = 0; c < count; ++c) to[c] = from[c * step];
  for (int c = count; c < width; ++c) to[c] = 0;
}

ERG_HD int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
ERG_HD int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
ERG_HD int64_t ceil_div(int64_t n, int64_t d) { return (n + d - 1) / d; }
ERG_HD int64_t round_up(int64_t n, int64_t step) { return ceil_div(n, step) * step; }

/// The width of the tile that computes `columns` columns.
ERG_HD int tile_width(int columns) { return columns > lanes ? columns_max : lanes; }

template <int M, int V>
ERG_HD void clear_tile(Vector (&sum)[M][V]) {
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) sum[i][j] = Vector{};
}

ERG_HD Vector leaky_relu(Vector y, real negative_slope) { return y < real(0) ? y * negative_slope : y; }
ERG_HD real leaky_relu(real y, real negative_slope) { return y < real(0) ? y * negative_slope : y; }

/// Stores fewer columns than the tile has, from its sums [rows, width] in memory. Once for all tiles: unrolled into
/// each of them, it would be two thirds of their code.
__attribute__((noinline)) inline void store_part(const real* sum, int rows, int width, const TileOut& out) {
  const Epilogue& f = out.epilogue;
  for (int i = 0; i < rows; ++i, sum += width) {
    real* y = out.row[i];
    for (int c = 0; c < out.columns; ++c) {
      y[c] = out.add ? y[c] + sum[c] : sum[c];
      if (f.bias) y[c] = leaky_relu(y[c] + f.bias[c], f.negative_slope);
    }
  }
}

// The loops over a tile are unrolled to the last, for `sum` to be registers and nothing else.

/// Calls put(sum, y, j) for vector j of every row, which belongs at y. What there is to do with it is asked once a
/// tile.
template <int M, int V, class Put>
ERG_HD void store_vectors(const Vector (&sum)[M][V], const TileOut& out, const Put& put) {
  real* row[M];
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i) row[i] = out.row[i];  // as far as the compiler knows, a store might change out
#pragma GCC unroll 2
  for (int j = 0; j < V; ++j)
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) put(sum[i][j], row[i] + j * lanes, j);
}

template <int M, int V>
ERG_HD void store_tile(const Vector (&sum)[M][V], const TileOut& out) {
  if (out.columns < V * lanes) {
    real line[M * V * lanes];
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i)
#pragma GCC unroll 2
      for (int j = 0; j < V; ++j) store(line + (i * V + j) * lanes, sum[i][j]);
    store_part(line, M, V * lanes, out);
  } else if (const Epilogue f = out.epilogue; f.bias) {
    store_vectors(sum, out, [f, add = out.add](const Vector& s, real* y, int j) {
      const Vector total = add ? load(y) + s : s;
      store(y, leaky_relu(total + load(f.bias + j * lanes), f.negative_slope));
    });
  } else if (out.add) {
    store_vectors(sum, out, [](const Vector& s, real* y, int) { store(y, load(y) + s); });
  } else {
    store_vectors(sum, out, [](const Vector& s, real* y, int) { store(y, s); });
  }
}

/// The terms of a broadcast_tile or dot_tile: `lines` runs of `run` consecutive reals, `line_step` apart.
struct Runs {
  int lines;
  int64_t line_step;
  int run;
};

/// sum[i][c] = sum over lines l and p < run of in[i][l*line_step + p] * weights[l*run + p][c]
template <int M, int V>
void broadcast_tile(const Runs& runs, const real* const* in, const real* weights, const TileOut& out) {
  Vector sum[M][V];
  clear_tile(sum);
  for (int l = 0; l < runs.lines; ++l) {
    const real* row[M];
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) row[i] = in[i] + l * runs.line_step;
    for (int64_t p = 0; p < runs.run; ++p, weights += V * lanes) {
      Vector w[V];
#pragma GCC unroll 2
      for (int j = 0; j < V; ++j) w[j] = load(weights + j * lanes);
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i)
#pragma GCC unroll 2
        for (int j = 0; j < V; ++j) sum[i][j] += row[i][p] * w[j];
    }
  }
  store_tile(sum, out);
}

/// The terms of an outer_tile: `lines` lines of `length` terms. Term p of line l has its rows at
/// rows[l] + row_offset + p*row_step and its columns at columns + (l*length + p)*column_step.
struct Outer {
  int lines;
  int length;
  const real* const* rows;
  int64_t row_offset;
  int64_t row_step;
  const real* columns;
  int64_t column_step;
};

/// sum[i][c] = sum over all terms of row value i times column value c
template <int M, int V>
void outer_tile(const Outer& terms, const TileOut& out) {
  Vector sum[M][V];
  clear_tile(sum);
  const real* columns = terms.columns;
  for (int l = 0; l < terms.lines; ++l) {
    const real* rows = terms.rows[l] + terms.row_offset;
    for (int p = 0; p < terms.length; ++p, rows += terms.row_step, columns += terms.column_step) {
      Vector w[V];
#pragma GCC unroll 2
      for (int j = 0; j < V; ++j) w[j] = load(columns + j * lanes);
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i)
#pragma GCC unroll 2
        for (int j = 0; j < V; ++j) sum[i][j] += rows[i] * w[j];
    }
  }
  store_tile(sum, out);
}

/// Columns that a dot_tile can have: with more, a broadcast_tile of one vector wastes less.
constexpr int dot_columns_max = lanes / 2 < 4 ? lanes / 2 : 4;
/// Rows of a dot_tile: its sums, one weight a column and one loaded value fit the registers.
constexpr int dot_rows(int columns) {
  const int fit = (registers - 1 - columns) / columns;
  return fit < rows_max ? fit : rows_max;
}
/// A dot_tile's weights: [columns][lines][this], see pack_dot.
constexpr int dot_length(int run) { return (run + lanes - 1) / lanes * lanes; }

template <size_t... lane>
ERG_HD real sum_of_lanes(Vector v, std::index_sequence<lane...>) {
  // Each step adds the lane that is `width` away; in the end every lane holds the sum.
  if constexpr (lanes > 8) v += __builtin_shufflevector(v, v, (lane ^ 8)...);
  if constexpr (lanes > 4) v += __builtin_shufflevector(v, v, (lane ^ 4)...);
  if constexpr (lanes > 2) v += __builtin_shufflevector(v, v, (lane ^ 2)...);
  v += __builtin_shufflevector(v, v, (lane ^ 1)...);
  return v[0];
}

/// sum[i][c] as in broadcast_tile, each column's weights being lines of dot_length(run). run >= lanes. The last vector
/// of a run that is not a multiple of `lanes` overlaps the one before; pack_dot gave it zeros there.
template <int M, int C>
void dot_tile(const Runs& runs, const real* const* in, const real* weights, const TileOut& out) {
  Vector sum[M][C];
  clear_tile(sum);
  const int64_t length = dot_length(runs.run), column_step = runs.lines * length;
  for (int l = 0; l < runs.lines; ++l, weights += length) {
    const real* row[M];
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) row[i] = in[i] + l * runs.line_step;
    for (int64_t p = 0; p < length; p += lanes) {
      const int64_t q = p + lanes <= runs.run ? p : runs.run - lanes;
      Vector w[C];
#pragma GCC unroll 4
      for (int c = 0; c < C; ++c) w[c] = load(weights + c * column_step + p);
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i) {
        const Vector x = load(row[i] + q);
#pragma GCC unroll 4
        for (int c = 0; c < C; ++c) sum[i][c] += x * w[c];
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 4
    for (int c = 0; c < C; ++c) {
      const Epilogue& f = out.epilogue;
      real& y = out.row[i][c];
      y = sum_of_lanes(sum[i][c], std::make_index_sequence<lanes>{}) + (out.add ? y : real(0));
      if (f.bias) y = leaky_relu(y + f.bias[c], f.negative_slope);
    }
}

// The number of rows is known at run time only; these find the tile that was compiled for it.

template <int V, int M = rows_max>
void broadcast_rows(int rows, const Runs& runs, const real* const* in, const real* weights, const TileOut& out) {
  if (rows == M) return broadcast_tile<M, V>(runs, in, weights, out);
  if constexpr (M > 1) broadcast_rows<V, M - 1>(rows, runs, in, weights, out);
}

template <int V, int M = rows_max>
void outer_rows(int rows, const Outer& terms, const TileOut& out) {
  if (rows == M) return outer_tile<M, V>(terms, out);
  if constexpr (M > 1) outer_rows<V, M - 1>(rows, terms, out);
}

template <int C, int M = dot_rows(C)>
void dot_rows_of(int rows, const Runs& runs, const real* const* in, const real* weights, const TileOut& out) {
  if (rows == M) return dot_tile<M, C>(runs, in, weights, out);
  if constexpr (M > 1) dot_rows_of<C, M - 1>(rows, runs, in, weights, out);
}

template <int C = dot_columns_max>
void dot_any(int rows, const Runs& runs, const real* const* in, const real* weights, const TileOut& out) {
  if (out.columns == C) return dot_rows_of<C>(rows, runs, in, weights, out);
  if constexpr (C > 1) dot_any<C - 1>(rows, runs, in, weights, out);
}
