// Batch normalisation over the last (channel) dimension, forward and backward, each in one call.
// Ioffe & Szegedy 2015, "Batch Normalization", algorithm 1 and section 3.
#pragma once

#include "kernel.h"

namespace erg::kernels {

/// x seen as [rows, channels]: rows = N for vectors, N*H*W for images.
struct NormShape {
  int64_t rows, channels;
  real epsilon;
};

/// mean[c], rstd[c] = 1/sqrt(var[c] + epsilon) over the rows (var is the biased one),
/// y[r,c] = (x[r,c] - mean[c]) * rstd[c] * gamma[c] + beta[c].
ERG_KERNEL(batch_norm, const NormShape& s, const real* x, const real* gamma, const real* beta, real* mean, real* rstd,
           real* y);

/// The gradients of batch_norm for the cotangent g of y, with the mean and rstd that the forward pass wrote:
/// dbeta = sum g, dgamma = sum g * xhat, dx = gamma * rstd * (g - (dbeta + xhat * dgamma) / rows).
ERG_KERNEL(batch_norm_backward, const NormShape& s, const real* g, const real* x, const real* gamma, const real* mean,
           const real* rstd, real* dx, real* dgamma, real* dbeta);

}  // namespace erg::kernels
