// The convolution triad. Each of the three is a gradient of the other two, which is why any order of derivative of a
// convolution needs no fourth kernel:
//
//            y = conv2d(x, w)      dx = conv2d_dx(dy, w)      dw = conv2d_dw(x, dy)
//
// Activations are NHWC, weights HWIO ([kh, kw, ci, co]), everything contiguous. `conv2d_dx` is also the transposed
// convolution of a generator: there dy is the layer's input, [n, oh, ow, co], and dx its output, [n, h, w, ci].
#pragma once

#include "kernel.h"

namespace erg::kernels {

/// Geometry of one convolution, seen from conv2d: x is [n,h,w,ci], w [kh,kw,ci,co], y [n,oh,ow,co].
/// Zero padding of `pad` on all four sides. Requires h + 2 pad >= kh, w + 2 pad >= kw, stride >= 1.
/// Rows of x that no window reaches (when the stride does not divide evenly) get a zero gradient.
/// A batch may be larger than 2^31 elements; one image of x or y, and w, may not.
struct ConvShape {
  int n, h, w, ci, co, kh, kw, stride = 1, pad = 0;

  /// Extents of y.
  int oh() const { return (h + 2 * pad - kh) / stride + 1; }
  int ow() const { return (w + 2 * pad - kw) / stride + 1; }
  /// Numbers of elements.
  int64_t x_size() const { return int64_t(n) * h * w * ci; }
  int64_t w_size() const { return int64_t(kh) * kw * ci * co; }
  int64_t y_size() const { return int64_t(n) * oh() * ow() * co; }
  double flops() const { return 2.0 * double(y_size()) * kh * kw * ci; }  // padding counted as work
  double bytes() const { return bytes_of_reals(x_size() + w_size() + y_size()); }
};

/// y[n,oy,ox,co] = sum_{ky,kx,ci} x[n, oy*stride-pad+ky, ox*stride-pad+kx, ci] * w[ky,kx,ci,co]
ERG_KERNEL(conv2d, const ConvShape& s, const real* x, const real* w, real* workspace, real* y);
ERG_WORKSPACE(conv2d, ConvShape);

/// y = leaky_relu(conv2d(x, w) + bias) in one go, bias being [co]; a negative_slope of 1 leaves the activation out, 0
/// is ReLU.
ERG_KERNEL(conv2d_bias, const ConvShape& s, const real* x, const real* w, const real* bias, real negative_slope,
           real* workspace, real* y);
ERG_WORKSPACE(conv2d_bias, ConvShape);
double bytes_of(decltype(conv2d_bias)&, const ConvShape& s, const auto&...) { return s.bytes() + bytes_of_reals(s.co); }

/// dx[n,iy,ix,ci] = sum over (oy,ky),(ox,kx) with oy*stride-pad+ky = iy, ox*stride-pad+kx = ix of dy[n,oy,ox,:] .
/// w[ky,kx,ci,:]
ERG_KERNEL(conv2d_dx, const ConvShape& s, const real* dy, const real* w, real* workspace, real* dx);
ERG_WORKSPACE(conv2d_dx, ConvShape);

/// dw[ky,kx,ci,co] = sum_{n,oy,ox} x[n, oy*stride-pad+ky, ox*stride-pad+kx, ci] * dy[n,oy,ox,co]
ERG_KERNEL(conv2d_dw, const ConvShape& s, const real* x, const real* dy, real* workspace, real* dw);
ERG_WORKSPACE(conv2d_dw, ConvShape);

}  // namespace erg::kernels
