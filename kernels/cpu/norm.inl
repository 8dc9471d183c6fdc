// The inner loops of batch normalisation. Blocks are those of column_sums.h; a row of a folded matrix holds every
// channel several times over.

/// Adds a block to [sum of x, sum of squares about the mean of the block's column, sum^2 / rows of it].
static void add_moments(const Block& b, int64_t row_stride, const real* x, double* __restrict totals) {
  real sums[tile_columns], means[tile_columns], squares[tile_columns];
  const int rows = int(b.last_row - b.first_row);
  const Entry entry{x + b.first_column, row_stride};
  block_sums(b.first_row, b.last_row, b.width, entry, sums);
  for (int c = 0; c < b.width; ++c) means[c] = sums[c] / real(rows);
  block_sums(b.first_row, b.last_row, b.width, SquaredDeviation{entry, means}, squares);
  for (int c = 0; c < b.width; ++c) {
    totals[c] += double(sums[c]);
    totals[tile_columns + c] += double(squares[c]);
    totals[2 * tile_columns + c] += double(sums[c]) * double(sums[c]) / rows;
  }
}

/// Adds a block to [sum of g', sum of g' * (x - mean)], where g' is the cotangent before the activation. Two rows at a
/// time: more would be more streams from memory than are fetched ahead. An odd last row is paired with itself, weighing
/// 0.
template <class Activation>
static void add_cotangents(const Block& b, int64_t row_stride, Activation f, const Channels& channels, const real* g,
                           const real* x, double* __restrict totals) {
  Coefficients k;
  for (int c = 0; c < b.width; ++c) {
    k.mean[c] = channels.mean[c];
    k.scale[c] = channels.rstd[c] * channels.gamma[c];
    k.beta[c] = channels.beta[c];
  }
  real sums[tile_columns] = {}, products[tile_columns] = {};
  for (int64_t r = b.first_row; r < b.last_row; r += 2) {
    const int64_t row = r * row_stride + b.first_column;
    const int64_t next = r + 1 < b.last_row ? row + row_stride : row;
    const real weight = r + 1 < b.last_row ? 1 : 0;
    ERG_INDEPENDENT
    for (int c = 0; c < b.width; ++c) {
      const real d0 = x[row + c] - k.mean[c], d1 = x[next + c] - k.mean[c];
      const real g0 = g[row + c] * f.slope(d0 * k.scale[c] + k.beta[c]);
      const real g1 = weight * g[next + c] * f.slope(d1 * k.scale[c] + k.beta[c]);
      sums[c] += g0 + g1;
      products[c] += g0 * d0 + g1 * d1;
    }
  }
  for (int c = 0; c < b.width; ++c) {
    totals[c] += double(sums[c]);
    totals[tile_columns + c] += double(products[c]);
  }
}

/// y = f((x - mean) * scale + beta).
template <class Activation>
static void normalise(const Block& b, int64_t row_stride, Activation f, const Coefficients& k, const real* x,
                      real* __restrict y) {
  for (int64_t r = b.first_row; r < b.last_row; ++r) {
    const int64_t row = r * row_stride + b.first_column;
    for (int c = 0; c < b.width; ++c) y[row + c] = f((x[row + c] - k.mean[c]) * k.scale[c] + k.beta[c]);
  }
}

/// dx = g' * scale - (x - mean) * slope - shift.
template <class Activation>
static void normalise_backward(const Block& b, int64_t row_stride, Activation f, const Coefficients& k, const real* g,
                               const real* x, real* __restrict dx) {
  for (int64_t r = b.first_row; r < b.last_row; ++r) {
    const int64_t row = r * row_stride + b.first_column;
    for (int c = 0; c < b.width; ++c) {
      const real deviation = x[row + c] - k.mean[c];
      const real cotangent = g[row + c] * f.slope(deviation * k.scale[c] + k.beta[c]);
      dx[row + c] = cotangent * k.scale[c] - deviation * k.slope[c] - k.shift[c];
    }
  }
}
