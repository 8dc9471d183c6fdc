// Batch normalisation over the last (channel) dimension, with the activation that follows it, forward and backward,
// each in one call. Ioffe & Szegedy 2015, "Batch Normalization", algorithm 1 and section 3.
#pragma once

#include "functors.h"
#include "kernel.h"

namespace erg::kernels {

/// x seen as [rows, channels]: rows = N for vectors, N*H*W for images.
struct NormShape {
  int64_t rows, channels;
  real epsilon;
  real negative_slope = 1;  // of the activation: 1 is none, 0 is ReLU, anything else LeakyReLU

  double bytes() const { return bytes_of_reals(2 * rows * channels + 4 * channels); }  // of batch_norm
};

/// mean[c], rstd[c] = 1/sqrt(var[c] + epsilon) over the rows (var is the biased one),
/// y[r,c] = f((x[r,c] - mean[c]) * rstd[c] * gamma[c] + beta[c]) with the activation f.
ERG_KERNEL(batch_norm, const NormShape& s, const real* x, const real* gamma, const real* beta, real* workspace,
           real* mean, real* rstd, real* y);
ERG_WORKSPACE(batch_norm, NormShape);

/// The gradients of batch_norm for the cotangent g of y, with the mean and rstd that the forward pass wrote. Where the
/// activation bends is computed again from x, which is read anyway. With g' = g * f', the cotangent before f:
/// dbeta = sum g', dgamma = sum g' * xhat, dx = gamma * rstd * (g' - (dbeta + xhat * dgamma) / rows).
ERG_KERNEL(batch_norm_backward, const NormShape& s, const real* g, const real* x, const real* gamma, const real* beta,
           const real* mean, const real* rstd, real* workspace, real* dx, real* dgamma, real* dbeta);
ERG_WORKSPACE(batch_norm_backward, NormShape);
double bytes_of(decltype(batch_norm_backward)&, const NormShape& s, const auto&...) {
  return bytes_of_reals(3 * s.rows * s.channels + 6 * s.channels);
}

/// Moves the running statistics [channels] towards a batch's by `momentum`, which is the weight of the new ones:
///   running_mean += momentum * (mean + bias - running_mean),
///   running_var  += momentum * (rows / (rows - 1) * (1 / rstd^2 - epsilon) - running_var),
/// the unbiased variance, as PyTorch keeps it (the biased one of a single row). `bias` may be null: a shift that was
/// left out before the normalisation, which takes it out again.
ERG_KERNEL(running_statistics_, const NormShape& s, real momentum, const real* bias, const real* mean, const real* rstd,
           real* running_mean, real* running_var);
double bytes_of(decltype(running_statistics_)&, const NormShape& s, real, const real* bias, const auto&...) {
  return bytes_of_reals((bias ? 7 : 6) * s.channels);
}

/// One channel of that.
ERG_HD void move_running_statistics(const NormShape& s, real momentum, real bias, real mean, real rstd,
                                    real& running_mean, real& running_var) {
  const real unbiased = s.rows > 1 ? real(s.rows) / real(s.rows - 1) : real(1);
  running_mean += momentum * (mean + bias - running_mean);
  running_var += momentum * (unbiased * (1 / (rstd * rstd) - s.epsilon) - running_var);
}

/// The activation that is none.
struct Identity {
  template <class T>
  ERG_HD T operator()(T y) const {
    return y;
  }
  template <class T>
  ERG_HD T slope(T) const {
    return T(1);
  }
};

/// Calls f with the activation that a negative slope stands for. Its slope() may be asked at the activation's input:
/// the sign there is that of its output.
template <class F>
void with_activation(real negative_slope, const F& f) {
  if (negative_slope == 1) return f(Identity{});
  if (negative_slope == 0) return f(functors::Relu{});
  f(functors::LeakyRelu{negative_slope});
}

}  // namespace erg::kernels
