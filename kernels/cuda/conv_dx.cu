// conv2d_dx as a matrix product: rows of C are the pixels of dx, columns its channels, and k runs through the taps and
// the channels of dy.
//
// With stride s, tap ky joins pixel iy of dx and row oy of dy where oy s = iy + pad - ky: a pixel sees only the taps of
// its own remainder, ky = (iy + pad) mod s + s t, at the rows (iy + pad) / s - t. So the pixels are sorted by the
// remainders of their row and column into s x s parts, each a dense product with its own share of the taps: no zeros
// are inserted, and none multiplied. One launch computes all parts.
#include "../conv_fused.h"
#include "conv_direct.cuh"
#include "conv_operands.cuh"
#include "product_norm.cuh"

namespace erg::kernels::cuda {

namespace {

/// Along one axis: the pixels first, first + stride, ... of an image, and the taps that they see.
struct Residue {
  int first, pixels;
  int first_tap, taps;  // first_tap, first_tap + stride, ...
  int first_output;     // where the first pixel's first tap lies in dy

  ERG_HD Residue(int first, int extent, int kernel, int stride, int pad)
      : first(first),
        pixels((extent - first + stride - 1) / stride),
        first_tap((first + pad) % stride),
        taps(kernel > first_tap ? (kernel - first_tap + stride - 1) / stride : 0),
        first_output((first + pad) / stride) {}
};

/// Element (ci, k) of the weights [kh,kw,ci,co] at a part's taps.
struct Weights {
  static constexpr Order order = Order::along_k;
  static constexpr bool read_again = false;
  using Outer = int64_t;  // where the channel's weights at the first tap begin
  using K = TapOrder::K;

  const real* w;  // at the first tap
  int row_step, column_step, ci;
  TapOrder taps;
  bool whole_groups;

  ERG_HD Outer outer(int64_t i) const { return i < ci ? i * taps.channels : no_row; }
  ERG_HD K k(int64_t i) const { return taps.k(i); }
  ERG_HD void next(K& k) const { taps.next(k); }
  ERG_HD void next_panel(K& k) const { taps.next_panel(k); }
  ERG_HD Element element(Outer channel, const K& k) const {
    const int offset = k.row * row_step + k.column * column_step + taps.channel(k);
    return {w + channel + offset, channel != no_row && taps.exists(k)};
  }
};

/// One of the independent products that make up dx.
struct Part {
  using A = Gather;
  using B = Weights;
  A a;
  B b;
  int64_t m, n, k;
  int height, width, stride, first_row, first_column;

  /// Where pixel i of this part lies in dx.
  ERG_HD int64_t row(int64_t i) const {
    const Pixel pixel = pixel_at(i, a.rows, a.columns);
    const int64_t row = int64_t(pixel.image) * height + first_row + pixel.row * stride;
    return (row * width + first_column + pixel.column * stride) * n;
  }
};

struct Parts {
  using A = Part::A;
  using B = Part::B;

  ConvShape s;
  int oh, ow;
  const real *dy, *w;
  bool whole_groups;

  Parts(const ConvShape& s, const real* dy, const real* w)
      : s(s), oh(s.oh()), ow(s.ow()), dy(dy), w(w), whole_groups(rows_of_groups(dy, s.co) && rows_of_groups(w, s.co)) {}

  ERG_HD int down() const { return s.stride < s.h ? s.stride : s.h; }
  ERG_HD int across() const { return s.stride < s.w ? s.stride : s.w; }
  Extents extents() const {
    const int64_t pixels = ceil_div(s.h, s.stride) * ceil_div(s.w, s.stride);
    const int64_t taps = ceil_div(s.kh, s.stride) * ceil_div(s.kw, s.stride);
    return {s.n * pixels, s.ci, taps * s.co, int64_t(down()) * across(), s.x_size()};
  }

  ERG_HD Part part(int i) const {
    const Residue rows(i / across(), s.h, s.kh, s.stride, s.pad), columns(i % across(), s.w, s.kw, s.stride, s.pad);
    const TapOrder taps(rows.taps, columns.taps, s.co);
    const int tap = s.ci * s.co;
    const int64_t pixels = int64_t(s.n) * rows.pixels * columns.pixels;
    const Gather a{.images = dy,
                   .height = oh,
                   .width = ow,
                   .pixels = pixels,
                   .rows = rows.pixels,
                   .columns = columns.pixels,
                   .first_row = rows.first_output,
                   .first_column = columns.first_output,
                   .step = 1,
                   .direction = -1,
                   .taps = taps,
                   .whole_groups = whole_groups};
    const Weights b{.w = w + (rows.first_tap * s.kw + columns.first_tap) * tap,
                    .row_step = s.stride * s.kw * tap,
                    .column_step = s.stride * tap,
                    .ci = s.ci,
                    .taps = taps,
                    .whole_groups = whole_groups};
    return {a, b, pixels, s.ci, taps.depth, s.h, s.w, s.stride, rows.first, columns.first};
  }
};

}  // namespace

int64_t conv2d_dx_workspace(const ConvShape& s) {
  return conv_direct_serves(s) ? 0 : plan_for(Parts(s, nullptr, nullptr).extents()).workspace;
}

void conv2d_dx(const Stream& stream, const ConvShape& s, const real* dy, const real* w, real* workspace, real* dx) {
  if (conv_direct_serves(s)) return conv_direct_dx(stream, s, dy, w, dx);
  compute_product(stream, Parts(s, dy, w), Plain{}, workspace, dx);
}

int64_t conv2d_dx_batch_norm_workspace(const ConvShape& s) {
  const NormShape norm = norm_after_conv2d_dx(s);
  return conv_direct_serves(s) ? batch_norm_workspace(norm)
                               : product_norm_workspace(Parts(s, nullptr, nullptr).extents(), norm);
}

void conv2d_dx_batch_norm(const Stream& stream, const ConvShape& s, real epsilon, real negative_slope, const real* dy,
                          const real* w, const real* gamma, const real* beta, real* workspace, real* dx, real* mean,
                          real* rstd, real* y) {
  const NormShape norm = norm_after_conv2d_dx(s, epsilon, negative_slope);
  if (conv_direct_serves(s)) {
    conv_direct_dx(stream, s, dy, w, dx);
    return batch_norm(stream, norm, dx, gamma, beta, workspace, mean, rstd, y);
  }
  compute_product_norm(stream, Parts(s, dy, w), norm, gamma, beta, workspace, dx, mean, rstd, y);
}

int64_t conv2d_dx_langevin_workspace(const ConvShape& s) {
  return conv_direct_serves(s) ? 0 : s.x_size() + conv2d_dx_workspace(s);
}

void conv2d_dx_langevin_(const Stream& stream, const ConvShape& s, const real* dy, const real* w,
                         const LangevinUpdate& update, const NoiseKey& key, real* workspace, real* x) {
  if (conv_direct_serves(s)) return conv_direct_dx_langevin(stream, s, dy, w, update, key, x);
  // More channels than an image has: the update is small beside the product, and a launch of its own.
  real* const gradient = workspace;
  conv2d_dx(stream, s, dy, w, workspace + s.x_size(), gradient);
  langevin_(stream, update, key, s.x_size(), gradient, x);
}

}  // namespace erg::kernels::cuda
