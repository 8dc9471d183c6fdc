// What CUDA rungs 2 to 4 share: a convolution read as a matrix product. Rows of A are the pixels of y, columns of B its
// channels, and k runs through tap rows, tap columns and the channels of x. B is w as it lies; A is never made, only
// looked up: element (pixel, k) is the value of x that the pixel's window has there, or zero in the padding.
#pragma once

#include "kernels/cuda/portable.cuh"
#include "ladder.h"

namespace erg::ladder {

struct ConvProduct {
  ConvShape s;
  const real *x, *w;
  int64_t pixels;
  int depth;

  ConvProduct(const ConvShape& s, const real* x, const real* w)
      : s(s), x(x), w(w), pixels(pixels_of(s)), depth(s.kh * s.kw * s.ci) {}

  /// Where A(pixel, k) lies; null where it is zero.
  ERG_HD const real* a(int64_t pixel, int k) const {
    if (pixel >= pixels || k >= depth) return nullptr;
    const Pixel at = pixel_at(s, pixel);
    const int tap = k / s.ci;
    const real* in = x_at(s, x, at.n, at.row - s.pad + tap / s.kw, at.column - s.pad + tap % s.kw);
    return in ? in + k % s.ci : nullptr;
  }
  /// Where B(k, channel) lies; null beyond the edges.
  ERG_HD const real* b(int k, int channel) const {
    return k < depth && channel < s.co ? w + int64_t(k) * s.co + channel : nullptr;
  }
};

ERG_HD real value_at(const real* p) { return p ? *p : real(0); }

}  // namespace erg::ladder
