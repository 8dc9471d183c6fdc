// conv2d as a matrix product: rows of C are the pixels of y, columns its channels, and k runs through the taps and the
// channels of x. A is x seen through the windows of y's pixels, B the weights.
#include "../conv_fused.h"
#include "conv_direct.cuh"
#include "conv_operands.cuh"
#include "product_norm.cuh"

namespace erg::kernels::cuda {

namespace {

/// Element (co, k) of w [kh,kw,ci,co]: row (tap, ci) of a matrix, in the order of the taps.
struct Weights {
  static constexpr Order order = Order::along_outer;
  static constexpr bool read_again = false;
  struct Outer {
    int channel;
  };
  struct K {
    int64_t row;
    int tap;
  };

  const real* w;
  TapOrder taps;
  int co;
  bool whole_groups;

  ERG_HD Outer outer(int64_t i) const { return {int(i < co ? i : co)}; }
  ERG_HD void next(Outer& outer) const { ++outer.channel; }
  ERG_HD K k(int64_t i) const {
    const TapOrder::K k = taps.k(i);
    const int tap = k.row * taps.columns + k.column;
    return {int64_t(tap) * taps.channels + taps.channel(k), tap};
  }
  ERG_HD void next(K& k) const { ++k.row; }
  ERG_HD void next_panel(K& k) const {
    if (taps.block != k_tile) {
      k.row += k_tile;
    } else {
      k.row += taps.channels;
      if (++k.tap == taps.rows * taps.columns) k = {k.row + k_tile - taps.depth, 0};
    }
  }
  ERG_HD Element element(Outer outer, const K& k) const {
    return {w + (k.row * co + outer.channel), outer.channel < co && k.row < taps.depth};
  }
};

Product<Gather, Weights> forward(const ConvShape& s, const real* x, const real* w) {
  const TapOrder taps(s.kh, s.kw, s.ci);
  const int64_t pixels = int64_t(s.n) * s.oh() * s.ow();
  const Gather a{.images = x,
                 .height = s.h,
                 .width = s.w,
                 .pixels = pixels,
                 .rows = s.oh(),
                 .columns = s.ow(),
                 .first_row = -s.pad,
                 .first_column = -s.pad,
                 .step = s.stride,
                 .direction = 1,
                 .taps = taps,
                 .whole_groups = rows_of_groups(x, s.ci)};
  const Weights b{w, taps, s.co, rows_of_groups(w, s.co)};
  return {a, b, pixels, s.co, taps.depth};
}

}  // namespace

int64_t conv2d_workspace(const ConvShape& s) {
  return conv_direct_serves(s) ? 0 : plan_for(forward(s, nullptr, nullptr).extents()).workspace;
}

void conv2d(const Stream& stream, const ConvShape& s, const real* x, const real* w, real* workspace, real* y) {
  if (conv_direct_serves(s)) return conv_direct(stream, s, x, w, y);
  compute_product(stream, forward(s, x, w), Plain{}, workspace, y);
}

int64_t conv2d_bias_workspace(const ConvShape& s) { return conv2d_workspace(s); }

void conv2d_bias(const Stream& stream, const ConvShape& s, const real* x, const real* w, const real* bias,
                 real negative_slope, real* workspace, real* y) {
  if (conv_direct_serves(s)) return conv_direct_bias(stream, s, x, w, bias, negative_slope, y);
  compute_product(stream, forward(s, x, w), BiasLeakyRelu{bias, {negative_slope}}, workspace, y);
}

int64_t conv2d_batch_norm_workspace(const ConvShape& s) {
  const NormShape norm = norm_after_conv2d(s);
  return conv_direct_serves(s) ? batch_norm_workspace(norm)
                               : product_norm_workspace(forward(s, nullptr, nullptr).extents(), norm);
}

void conv2d_batch_norm(const Stream& stream, const ConvShape& s, real epsilon, real negative_slope, const real* x,
                       const real* w, const real* gamma, const real* beta, real* workspace, real* conv, real* mean,
                       real* rstd, real* y) {
  const NormShape norm = norm_after_conv2d(s, epsilon, negative_slope);
  if (conv_direct_serves(s)) {
    conv_direct(stream, s, x, w, conv);
    return batch_norm(stream, norm, conv, gamma, beta, workspace, mean, rstd, y);
  }
  compute_product_norm(stream, forward(s, x, w), norm, gamma, beta, workspace, conv, mean, rstd, y);
}

}  // namespace erg::kernels::cuda
