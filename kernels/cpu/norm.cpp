// Batch normalisation on the CPU. Statistics come from one pass over x: each block of rows gives its sum and its
// squares about its own mean, and blocks are merged as in Chan, Golub & LeVeque 1983, "Algorithms for Computing the
// Sample Variance", in double. Nothing cancels, and x is read from memory twice rather than three times.
#include "../norm.h"

#include <cmath>

#include "column_sums.h"
#include "isa.h"
#include "parallel.h"

namespace erg::kernels::cpu {

namespace {

struct SquaredDeviation {
  Entry x;
  const real* mean;
  ERG_HD real operator()(int64_t row, int column) const {
    const real d = x(row, column) - mean[column];
    return d * d;
  }
};

/// What belongs to the channels of a block's columns.
struct Channels {
  const real *mean, *rstd, *gamma, *beta;
  Channels from(int64_t column) const { return {mean + column, rstd + column, gamma + column, beta + column}; }
};

/// What a tile's columns are multiplied with and shifted by, one entry a column.
struct Coefficients {
  real mean[tile_columns], scale[tile_columns], beta[tile_columns], slope[tile_columns], shift[tile_columns];
};

}  // namespace

}  // namespace erg::kernels::cpu

#define ERG_ISA_BODY "norm.inl"
#include "isa_expand.h"

namespace erg::kernels::cpu {

namespace {

void moments(const Block& b, int64_t row_stride, const real* x, double* totals) {
  ERG_ISA_CALL(add_moments, b, row_stride, x, totals);
}

template <class Activation>
void cotangents(const Block& b, int64_t row_stride, const Activation& f, const Channels& k, const real* g,
                const real* x, double* totals) {
  ERG_ISA_CALL(add_cotangents, b, row_stride, f, k, g, x, totals);
}

template <class Activation>
void forward(const Block& b, int64_t row_stride, const Activation& f, const Coefficients& k, const real* x, real* y) {
  ERG_ISA_CALL(normalise, b, row_stride, f, k, x, y);
}

template <class Activation>
void backward(const Block& b, int64_t row_stride, const Activation& f, const Coefficients& k, const real* g,
              const real* x, real* dx) {
  ERG_ISA_CALL(normalise_backward, b, row_stride, f, k, g, x, dx);
}

/// Calls apply(block, coefficients) for tiles that cover the matrix, on any thread; coefficient(channel, k, c) fills
/// column c of k.
template <class Coefficient, class Apply>
void for_tiles(const NormShape& shape, const Coefficient& coefficient, const Apply& apply) {
  const FoldedShape s({1, shape.rows, shape.channels});
  if (s.columns == 0) return;
  const auto run = [&](const Block& b) {
    Coefficients k;
    for (int c = 0; c < b.width; ++c) coefficient((b.first_column + c) % shape.channels, k, c);
    apply(b, k);
  };
  const int64_t tile_rows = part_elements / std::min<int64_t>(tile_columns, s.columns);
  const int64_t bands = (s.rows + tile_rows - 1) / tile_rows;
  parallel_for(bands * s.tiles, 1, [&](int64_t task, int64_t) {
    // The pass before ended with the last rows, which are still in the cache: begin there.
    const int64_t row = (bands - 1 - task / s.tiles) * tile_rows, column = task % s.tiles * tile_columns;
    run({0, row, std::min(s.rows, row + tile_rows), column, int(std::min<int64_t>(tile_columns, s.columns - column))});
  });
  if (s.last_row_columns > 0) run({0, s.rows, s.rows + 1, 0, int(s.last_row_columns)});
}

/// A folded matrix has each channel several times in a row, and what belongs to a channel is wanted as often.
class FoldedChannels {
 public:
  FoldedChannels(const FoldedShape& s, const Channels& channels) : channels_(channels) {
    if (s.fold == 1) return;
    for (int64_t c = 0; c < s.columns; ++c) {
      mean_[c] = channels.mean[c % s.inner];
      rstd_[c] = channels.rstd[c % s.inner];
      gamma_[c] = channels.gamma[c % s.inner];
      beta_[c] = channels.beta[c % s.inner];
    }
    channels_ = {mean_, rstd_, gamma_, beta_};
  }
  FoldedChannels(const FoldedChannels&) = delete;
  Channels from(int64_t column) const { return channels_.from(column); }

 private:
  Channels channels_;
  real mean_[tile_columns], rstd_[tile_columns], gamma_[tile_columns], beta_[tile_columns];
};

}  // namespace

int64_t batch_norm_workspace(const NormShape&) { return 0; }
int64_t batch_norm_backward_workspace(const NormShape&) { return 0; }

void batch_norm(const Stream&, const NormShape& s, const real* x, const real* gamma, const real* beta, real*,
                real* mean, real* rstd, real* y) {
  const AxisShape axis{1, s.rows, s.channels};
  const int64_t row_stride = FoldedShape(axis).columns;
  column_totals<3>(
      axis, [&](const Block& b, double* totals) { moments(b, row_stride, x, totals); },
      [&](int64_t, int64_t channel, const double* total) {
        const double n = double(s.rows), sum = total[0];
        const double squares = total[1] + (total[2] - sum * sum / n);
        mean[channel] = real(sum / n);
        // Rounding may leave a constant channel just below zero; a NaN stays one.
        rstd[channel] = real(1 / std::sqrt((squares < 0 ? 0 : squares) / n + double(s.epsilon)));
      });
  const auto coefficient = [&](int64_t channel, Coefficients& k, int c) {
    k.mean[c] = mean[channel];
    k.scale[c] = rstd[channel] * gamma[channel];
    k.beta[c] = beta[channel];
  };
  with_activation(s.negative_slope, [&](const auto& f) {
    for_tiles(s, coefficient, [&](const Block& b, const Coefficients& k) { forward(b, row_stride, f, k, x, y); });
  });
}

void batch_norm_backward(const Stream&, const NormShape& s, const real* g, const real* x, const real* gamma,
                         const real* beta, const real* mean, const real* rstd, real*, real* dx, real* dgamma,
                         real* dbeta) {
  const AxisShape axis{1, s.rows, s.channels};
  const FoldedShape folded(axis);
  const int64_t row_stride = folded.columns;
  const FoldedChannels channels(folded, {mean, rstd, gamma, beta});
  const auto coefficient = [&](int64_t channel, Coefficients& k, int c) {
    const real scale = rstd[channel] * gamma[channel], n = real(s.rows);
    k.mean[c] = mean[channel];
    k.scale[c] = scale;
    k.beta[c] = beta[channel];
    k.slope[c] = scale * rstd[channel] * dgamma[channel] / n;
    k.shift[c] = scale * dbeta[channel] / n;
  };
  with_activation(s.negative_slope, [&](const auto& f) {
    column_totals<2>(
        axis,
        [&](const Block& b, double* totals) {
          cotangents(b, row_stride, f, channels.from(b.first_column), g, x, totals);
        },
        [&](int64_t, int64_t channel, const double* total) {
          dbeta[channel] = real(total[0]);
          dgamma[channel] = real(total[1] * double(rstd[channel]));
        });
    for_tiles(s, coefficient, [&](const Block& b, const Coefficients& k) { backward(b, row_stride, f, k, g, x, dx); });
  });
}

void running_statistics_(const Stream&, const NormShape& s, real momentum, const real* bias, const real* mean,
                         const real* rstd, real* running_mean, real* running_var) {
  for (int64_t c = 0; c < s.channels; ++c)
    move_running_statistics(s, momentum, bias ? bias[c] : 0, mean[c], rstd[c], running_mean[c], running_var[c]);
}

}  // namespace erg::kernels::cpu
