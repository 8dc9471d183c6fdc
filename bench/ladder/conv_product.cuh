// What CUDA rungs 2 to 4 share: a convolution read as a matrix product. Rows of A are the pixels of y, columns of B its
// channels, and k runs through the taps and, for each, the channels of x. B is w as it lies; A is never made, only
// looked up: in row `pixel` and at (tap, channel) is the value of x that the pixel's window has there, or zero.
//
// A step goes k_tile channels of one tap along k. So what a pixel, a step and a channel contribute to an address is
// added up; nothing is divided within a step.
#pragma once

#include "kernels/cuda/portable.cuh"
#include "ladder.h"

namespace erg::ladder {

constexpr int k_tile = 16;

struct ConvProduct {
  ConvShape s;
  const real *x, *w;
  int64_t pixels;
  int steps_of_tap, steps;

  ConvProduct(const ConvShape& s, const real* x, const real* w)
      : s(s),
        x(x),
        w(w),
        pixels(pixels_of(s)),
        steps_of_tap(int(kernels::cuda::ceil_div(s.ci, k_tile))),
        steps(s.kh * s.kw * steps_of_tap) {}

  /// A pixel of y: where its window begins.
  struct Window {
    int n, row, column;
  };
  ERG_HD Window window(int64_t pixel) const {
    if (pixel >= pixels) return {0, -s.h - s.kh, 0};  // above the image, where there are only zeros
    const Pixel at = pixel_at(s, pixel);
    return {at.n, at.row - s.pad, at.column - s.pad};
  }

  struct Step {
    int ky, kx, channel;
  };
  ERG_HD Step step(int i) const {
    const int tap = i / steps_of_tap;
    return {tap / s.kw, tap % s.kw, (i - tap * steps_of_tap) * k_tile};
  }

  /// Where the element of A lies for channel k of the step; null where it is zero.
  ERG_HD const real* a(const Window& at, const Step& step, int k) const {
    const real* in = x_at(s, x, at.n, at.row + step.ky, at.column + step.kx);
    return in && step.channel + k < s.ci ? in + step.channel + k : nullptr;
  }
  /// The same for B and a channel of y.
  ERG_HD const real* b(const Step& step, int k, int channel) const {
    const bool exists = step.channel + k < s.ci && channel < s.co;
    return exists ? w_at(s, w, step.ky, step.kx, step.channel + k) + channel : nullptr;
  }
};

ERG_HD real value_at(const real* p) { return p ? *p : real(0); }

}  // namespace erg::ladder
