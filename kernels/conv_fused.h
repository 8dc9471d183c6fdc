// Convolutions together with what follows them. A convolution that writes its result for the next kernel to read again
// moves it through memory twice; here the next step begins while the numbers are still in registers.
#pragma once

#include "conv.h"
#include "norm.h"
#include "update.h"

namespace erg::kernels {

/// conv = conv2d(x, w), and y, mean, rstd = batch_norm(conv) over its channels (norm.h). `conv` is what the backward
/// pass wants. Where there are many rows the sums of the statistics are taken as the convolution writes its tiles.
ERG_KERNEL(conv2d_batch_norm, const ConvShape& s, real epsilon, real negative_slope, const real* x, const real* w,
           const real* gamma, const real* beta, real* workspace, real* conv, real* mean, real* rstd, real* y);
ERG_WORKSPACE(conv2d_batch_norm, ConvShape);
double bytes_of(decltype(conv2d_batch_norm)&, const ConvShape& s, const auto&...) {
  return s.bytes() + bytes_of_reals(s.y_size() + 4 * s.co);
}

/// The same for dx = conv2d_dx(dy, w): a generator's transposed convolution with its batch norm.
ERG_KERNEL(conv2d_dx_batch_norm, const ConvShape& s, real epsilon, real negative_slope, const real* dy, const real* w,
           const real* gamma, const real* beta, real* workspace, real* dx, real* mean, real* rstd, real* y);
ERG_WORKSPACE(conv2d_dx_batch_norm, ConvShape);
double bytes_of(decltype(conv2d_dx_batch_norm)&, const ConvShape& s, const auto&...) {
  return s.bytes() + bytes_of_reals(s.x_size() + 4 * s.ci);
}

/// x takes one Langevin step by the gradient conv2d_dx(dy, w), as langevin_ would with the same key: the last step back
/// through a network whose first layer convolves an image, and the move. The gradient itself is not kept.
ERG_KERNEL(conv2d_dx_langevin_, const ConvShape& s, const real* dy, const real* w, const LangevinUpdate& update,
           const NoiseKey& key, real* workspace, real* x);
ERG_WORKSPACE(conv2d_dx_langevin, ConvShape);
double bytes_of(decltype(conv2d_dx_langevin_)&, const ConvShape& s, const auto&...) {
  return s.bytes() + bytes_of_reals(s.x_size());
}

/// What is normalised after conv2d, and after conv2d_dx.
inline NormShape norm_after_conv2d(const ConvShape& s, real epsilon = 0, real negative_slope = 1) {
  return {int64_t(s.n) * s.oh() * s.ow(), s.co, epsilon, negative_slope};
}
inline NormShape norm_after_conv2d_dx(const ConvShape& s, real epsilon = 0, real negative_slope = 1) {
  return {int64_t(s.n) * s.h * s.w, s.ci, epsilon, negative_slope};
}

}  // namespace erg::kernels
