// Batch normalisation on the device. Each pass over the data is bound by memory: a thread keeps four channels, whose
// coefficients stay in registers, and reads and writes 16 bytes at a time (column_sums.cuh).
//
//   few rows    one launch. A block has all rows of a tile of channels: sums, a barrier, and the second pass finds the
//               rows in the cache;
//   many rows   three launches: sums of parts of the rows, the merging of these parts, and the second pass, which has
//               the same parts and walks them backwards, so that it begins with what the first one left in the cache.
//
// Where nothing stays in the cache, forward moves 12 bytes an element (x, x, y) and backward 20 (g and x, g and x, dx):
// the activation costs none, as backward computes its slope again from x.
//
// Invariant: the variance loses no digits, however far the mean is from zero. Up to four elements are squared about
// their own mean in float; to that is added, in double, what they have in common: sum x^2 = sum (x - m)^2 + n m^2.
#include "norm.cuh"

#include "column_sums.cuh"

namespace erg::kernels::cuda {

namespace {

ColumnPlan plan_of(const NormShape& s) { return {1, s.rows, s.channels}; }

/// What the channels of a thread's columns are shifted by and multiplied with: (x - mean) * scale + beta.
struct Coefficients {
  real mean[4], scale[4], beta[4];

  __device__ __forceinline__ Coefficients(const ColumnPlan& plan, const ColumnPlace& place, const real* channel_mean,
                                          const real* rstd, const real* gamma, const real* channel_beta) {
    for (int k = 0; k < 4; ++k) {
      const int64_t channel = place.unfolded(plan, k);
      mean[k] = channel_mean[channel];
      scale[k] = rstd[channel] * gamma[channel];
      beta[k] = channel_beta[channel];
    }
  }
};

// ---- Forward

struct Forward {
  const real *x, *gamma, *beta;
  real *mean, *rstd, *y;
};

/// For each column of the block the sum of x and of x^2.
template <bool aligned>
__device__ __forceinline__ void moments(const ColumnPlan& plan, const ColumnPlace& place, const real* x,
                                        double* shared) {
  column_totals<2, 4>(plan, place, shared, [&](int64_t at, auto n, double(&totals)[2][4]) {
    Four<real> rows[n];
    load_rows<aligned>(x, at, place.rows.step, place.present, rows);
    for (int k = 0; k < 4; ++k) {
      real terms[n], squares[n];
      for (int i = 0; i < n; ++i) terms[i] = rows[i].at[k];
      const real sum = sum_of(terms), average = sum / n;
      for (int i = 0; i < n; ++i) squares[i] = (terms[i] - average) * (terms[i] - average);
      totals[0][k] += sum;
      totals[1][k] += double(sum_of(squares)) + double(sum) * double(sum) / n;
    }
  });
}

__device__ __forceinline__ void write_moments(const NormShape& s, int64_t channel, double sum, double squares,
                                              const Forward& t) {
  const double mean = sum / double(s.rows), variance = squares / double(s.rows) - mean * mean;
  t.mean[channel] = real(mean);
  // Rounding may leave a constant channel just below zero; a NaN stays one.
  t.rstd[channel] = real(1 / math::sqrt((variance < 0 ? 0 : variance) + double(s.epsilon)));
}

template <bool aligned, class Activation>
__device__ __forceinline__ void normalise(const ColumnPlan& plan, const ColumnPlace& place, const Activation& f,
                                          const Forward& t) {
  if (place.present == 0) return;
  const Coefficients c(plan, place, t.mean, t.rstd, t.gamma, t.beta);
  const ThreadRows backwards = place.rows.backwards();
  for_rows<4>(backwards, [&](int64_t at, auto n) {
    Four<real> rows[n];
    load_rows<aligned>(t.x, at, backwards.step, place.present, rows);
    for (int i = 0; i < n; ++i) {
      Four<real> y;
      for (int k = 0; k < 4; ++k) y.at[k] = f((rows[i].at[k] - c.mean[k]) * c.scale[k] + c.beta[k]);
      store(t.y, Part{at + i * backwards.step, 0, place.present, aligned}, y);
    }
  });
}

template <bool aligned, class Activation>
__global__ void __launch_bounds__(column_threads, 1)
    batch_norm_tile(ColumnPlan plan, NormShape s, Activation f, Forward t) {
  ERG_SHARED(double, shared);
  const ColumnPlace place(plan);
  moments<aligned>(plan, place, t.x, shared);
  for_outputs<2>(plan, place, shared, [&](int64_t channel, const double(&totals)[2]) {
    write_moments(s, channel, totals[0], totals[1], t);
  });
  __syncthreads();
  normalise<aligned>(plan, place, f, t);
}

template <bool aligned>
__global__ void __launch_bounds__(column_threads, 2)
    moments_of_parts(ColumnPlan plan, const real* x, double* workspace) {
  ERG_SHARED(double, shared);
  const ColumnPlace place(plan);
  moments<aligned>(plan, place, x, shared);
  store_part<2>(plan, place, shared, workspace);
}

__global__ void __launch_bounds__(merge_threads)
    merge_moments(NormShape s, unsigned parts, const double* workspace, Forward t) {
  ERG_SHARED(double, shared);
  merge_parts<2>(1, parts, s.channels, workspace, shared);
  const int64_t channel = merge_column();
  if (threadIdx.x < merge_columns && channel < s.channels)
    write_moments(s, channel, shared[threadIdx.x], shared[merge_columns + threadIdx.x], t);
}

template <bool aligned, class Activation>
__global__ void __launch_bounds__(column_threads, 2) normalise_parts(ColumnPlan plan, Activation f, Forward t) {
  normalise<aligned>(plan, ColumnPlace(plan), f, t);
}

/// Merges what parts of the rows came to, however they were cut, and normalises.
template <bool aligned, class Activation>
void launch_second_pass(const Stream& stream, const NormShape& s, const Activation& f, const Forward& t, unsigned parts,
                        const double* sums) {
  const ColumnPlan plan = plan_of(s);
  launch(merge_moments, merge_blocks(s.channels), merge_threads, merge_shared_bytes(2), stream, s, parts, sums, t);
  launch(normalise_parts<aligned, Activation>, plan.grid(), plan.block(), 0, stream, plan, f, t);
}

template <bool aligned, class Activation>
void launch_forward(const Stream& stream, const NormShape& s, const Activation& f, const Forward& t,
                    double* workspace) {
  const ColumnPlan plan = plan_of(s);
  const size_t shared = plan.shared_bytes(2);
  if (plan.parts == 1) {
    launch(batch_norm_tile<aligned, Activation>, plan.grid(), plan.block(), shared, stream, plan, s, f, t);
    return;
  }
  launch(moments_of_parts<aligned>, plan.grid(), plan.block(), shared, stream, plan, t.x, workspace);
  launch_second_pass<aligned>(stream, s, f, t, plan.parts, workspace);
}

// ---- Backward

struct Backward {
  const real *g, *x, *gamma, *beta, *mean, *rstd;
  real *dx, *dgamma, *dbeta;
};

/// For each column of the block the sum of g' and of g' * (x - mean), where g' is the cotangent before the activation.
template <bool aligned, class Activation>
__device__ __forceinline__ void cotangents(const ColumnPlan& plan, const ColumnPlace& place, const Activation& f,
                                           const Backward& t, double* shared) {
  const Coefficients c(plan, place, t.mean, t.rstd, t.gamma, t.beta);
  // Rows that are not aligned are read word by word, which takes the registers of a second one.
  column_totals<2, aligned ? 2 : 1>(plan, place, shared, [&](int64_t at, auto n, double(&totals)[2][4]) {
    Four<real> g[n], x[n];
    load_rows<aligned>(t.g, at, place.rows.step, place.present, g);
    load_rows<aligned>(t.x, at, place.rows.step, place.present, x);
    for (int k = 0; k < 4; ++k) {
      real cotangent[n], product[n];
      for (int i = 0; i < n; ++i) {
        const real deviation = x[i].at[k] - c.mean[k];
        cotangent[i] = g[i].at[k] * f.slope(deviation * c.scale[k] + c.beta[k]);
        product[i] = cotangent[i] * deviation;
      }
      totals[0][k] += sum_of(cotangent);
      totals[1][k] += sum_of(product);
    }
  });
}

__device__ __forceinline__ void write_cotangents(int64_t channel, double sum, double products, const Backward& t) {
  t.dbeta[channel] = real(sum);
  t.dgamma[channel] = real(products * double(t.rstd[channel]));
}

/// dx = g' * scale - (x - mean) * slope - shift.
template <bool aligned, class Activation>
__device__ __forceinline__ void normalise_backward(const ColumnPlan& plan, const ColumnPlace& place, int64_t row_count,
                                                   const Activation& f, const Backward& t) {
  if (place.present == 0) return;
  const Coefficients c(plan, place, t.mean, t.rstd, t.gamma, t.beta);
  real slope[4], shift[4];
  for (int k = 0; k < 4; ++k) {
    const int64_t channel = place.unfolded(plan, k);
    slope[k] = c.scale[k] * t.rstd[channel] * t.dgamma[channel] / real(row_count);
    shift[k] = c.scale[k] * t.dbeta[channel] / real(row_count);
  }
  const ThreadRows backwards = place.rows.backwards();
  for_rows<2>(backwards, [&](int64_t at, auto n) {
    Four<real> g[n], x[n];
    load_rows<aligned>(t.g, at, backwards.step, place.present, g);
    load_rows<aligned>(t.x, at, backwards.step, place.present, x);
    for (int i = 0; i < n; ++i) {
      for (int k = 0; k < 4; ++k) {
        const real deviation = x[i].at[k] - c.mean[k];
        const real cotangent = g[i].at[k] * f.slope(deviation * c.scale[k] + c.beta[k]);
        g[i].at[k] = cotangent * c.scale[k] - deviation * slope[k] - shift[k];
      }
      store(t.dx, Part{at + i * backwards.step, 0, place.present, aligned}, g[i]);
    }
  });
}

template <bool aligned, class Activation>
__global__ void __launch_bounds__(column_threads, 1)
    batch_norm_backward_tile(ColumnPlan plan, int64_t row_count, Activation f, Backward t) {
  ERG_SHARED(double, shared);
  const ColumnPlace place(plan);
  cotangents<aligned>(plan, place, f, t, shared);
  for_outputs<2>(plan, place, shared, [&](int64_t channel, const double(&totals)[2]) {
    write_cotangents(channel, totals[0], totals[1], t);
  });
  __syncthreads();
  normalise_backward<aligned>(plan, place, row_count, f, t);
}

template <bool aligned, class Activation>
__global__ void __launch_bounds__(column_threads, 2)
    cotangents_of_parts(ColumnPlan plan, Activation f, Backward t, double* workspace) {
  ERG_SHARED(double, shared);
  const ColumnPlace place(plan);
  cotangents<aligned>(plan, place, f, t, shared);
  store_part<2>(plan, place, shared, workspace);
}

__global__ void __launch_bounds__(merge_threads)
    merge_cotangents(int64_t channels, unsigned parts, const double* workspace, Backward t) {
  ERG_SHARED(double, shared);
  merge_parts<2>(1, parts, channels, workspace, shared);
  const int64_t channel = merge_column();
  if (threadIdx.x < merge_columns && channel < channels)
    write_cotangents(channel, shared[threadIdx.x], shared[merge_columns + threadIdx.x], t);
}

template <bool aligned, class Activation>
__global__ void __launch_bounds__(column_threads, 2)
    normalise_backward_parts(ColumnPlan plan, int64_t row_count, Activation f, Backward t) {
  normalise_backward<aligned>(plan, ColumnPlace(plan), row_count, f, t);
}

template <bool aligned, class Activation>
void launch_backward(const Stream& stream, const NormShape& s, const Activation& f, const Backward& t,
                     double* workspace) {
  const ColumnPlan plan = plan_of(s);
  const size_t shared = plan.shared_bytes(2);
  if (plan.parts == 1) {
    launch(batch_norm_backward_tile<aligned, Activation>, plan.grid(), plan.block(), shared, stream, plan, s.rows, f,
           t);
    return;
  }
  launch(cotangents_of_parts<aligned, Activation>, plan.grid(), plan.block(), shared, stream, plan, f, t, workspace);
  launch(merge_cotangents, merge_blocks(s.channels), merge_threads, merge_shared_bytes(2), stream, s.channels,
         plan.parts, workspace, t);
  launch(normalise_backward_parts<aligned, Activation>, plan.grid(), plan.block(), 0, stream, plan, s.rows, f, t);
}

}  // namespace

int64_t batch_norm_workspace(const NormShape& s) { return s.channels == 0 ? 0 : plan_of(s).workspace(2); }
int64_t batch_norm_backward_workspace(const NormShape& s) { return batch_norm_workspace(s); }

void batch_norm(const Stream& stream, const NormShape& s, const real* x, const real* gamma, const real* beta,
                real* workspace, real* mean, real* rstd, real* y) {
  if (s.channels == 0) return;
  const Forward t{x, gamma, beta, mean, rstd, y};
  double* parts = reinterpret_cast<double*>(workspace);
  with_activation(s.negative_slope, [&](const auto& f) {
    plan_of(s).aligned(x, y) ? launch_forward<true>(stream, s, f, t, parts)
                             : launch_forward<false>(stream, s, f, t, parts);
  });
}

bool batch_norm_is_one_launch(const NormShape& s) { return plan_of(s).parts == 1; }

void batch_norm_of_sums(const Stream& stream, const NormShape& s, unsigned parts, const double* sums, const real* x,
                        const real* gamma, const real* beta, real* mean, real* rstd, real* y) {
  const Forward t{x, gamma, beta, mean, rstd, y};
  with_activation(s.negative_slope, [&](const auto& f) {
    plan_of(s).aligned(x, y) ? launch_second_pass<true>(stream, s, f, t, parts, sums)
                             : launch_second_pass<false>(stream, s, f, t, parts, sums);
  });
}

void batch_norm_backward(const Stream& stream, const NormShape& s, const real* g, const real* x, const real* gamma,
                         const real* beta, const real* mean, const real* rstd, real* workspace, real* dx, real* dgamma,
                         real* dbeta) {
  if (s.channels == 0) return;
  const Backward t{g, x, gamma, beta, mean, rstd, dx, dgamma, dbeta};
  double* parts = reinterpret_cast<double*>(workspace);
  with_activation(s.negative_slope, [&](const auto& f) {
    plan_of(s).aligned(g, x, dx) ? launch_backward<true>(stream, s, f, t, parts)
                                 : launch_backward<false>(stream, s, f, t, parts);
  });
}

// ---- Running statistics

namespace {

__global__ void __launch_bounds__(walk_threads)
    move_statistics(NormShape s, real momentum, const real* bias, const real* mean, const real* rstd,
                    real* running_mean, real* running_var) {
  for (int64_t c = thread_index(); c < s.channels; c += thread_count())
    move_running_statistics(s, momentum, bias ? bias[c] : real(0), mean[c], rstd[c], running_mean[c], running_var[c]);
}

}  // namespace

void running_statistics_(const Stream& stream, const NormShape& s, real momentum, const real* bias, const real* mean,
                         const real* rstd, real* running_mean, real* running_var) {
  launch_walk(move_statistics, s.channels, stream, s, momentum, bias, mean, rstd, running_mean, running_var);
}

}  // namespace erg::kernels::cuda
