// conv2d_dw as a matrix product: rows of C are the weights (ky, kx, ci) of dw, columns its output channels, and k runs
// through all pixels of dy. A is x as each of these weights meets it, B is dy as it lies. There are few tiles and many
// pixels, so that blocks usually share a tile.
#include "../conv.h"

#include "conv_operands.cuh"
#include "product.cuh"

namespace erg::kernels::cuda {

namespace {

/// Element (weight, k): what weight (ky, kx, ci) is multiplied with at the k-th pixel of dy.
struct ShiftedImages {
  static constexpr Order order = Order::along_outer;
  static constexpr bool read_again = false;
  struct Outer {
    const real* channel;  // x there
    int number;           // of the channel
    int row, column;      // the pixel of x that the weight meets at pixel (0, 0) of dy
  };
  struct K {
    int64_t image;    // where it begins in x
    int row, column;  // of dy
  };

  ConvShape s;
  const real* x;
  int64_t image_size, size;
  int rows, columns;  // of dy
  bool whole_groups;
  K panel;  // k_tile as such coordinates

  ShiftedImages(const ConvShape& s, const real* x)
      : s(s),
        x(x),
        image_size(int64_t(s.h) * s.w * s.ci),
        size(s.x_size()),
        rows(s.oh()),
        columns(s.ow()),
        whole_groups(rows_of_groups(x, s.ci)),
        panel(k(k_tile)) {}

  ERG_HD Outer outer(int64_t i) const {
    const Pixel tap = pixel_at(i / s.ci, s.kh, s.kw);
    const int channel = int(i % s.ci);
    return {x + channel, channel, tap.image == 0 ? tap.row - s.pad : beyond(), tap.column - s.pad};
  }
  ERG_HD void next(Outer& outer) const {
    ++outer.channel;
    if (++outer.number < s.ci) return;
    outer.channel -= s.ci, outer.number = 0;
    if (++outer.column < s.kw - s.pad) return;
    outer.column = -s.pad;
    if (++outer.row == s.kh - s.pad) outer.row = beyond();
  }

  ERG_HD K k(int64_t i) const {
    const Pixel pixel = pixel_at(i, rows, columns);
    return {pixel.image * image_size, pixel.row, pixel.column};
  }
  ERG_HD void next(K& k) const { add(k, {0, 0, 1}); }
  ERG_HD void next_panel(K& k) const { add(k, panel); }

  ERG_HD Element element(const Outer& outer, const K& k) const {
    const int row = outer.row + k.row * s.stride, column = outer.column + k.column * s.stride;
    const bool inside = unsigned(row) < unsigned(s.h) && unsigned(column) < unsigned(s.w);
    return {outer.channel + k.image + (row * s.w + column) * s.ci, inside && k.image < size};
  }

 private:
  /// For the row of a weight that does not exist: so far above the image that no pixel leads into it.
  ERG_HD int beyond() const { return -(s.h + 2 * s.pad + 1); }
  ERG_HD void add(K& k, const K& by) const {
    k = {k.image + by.image, k.row + by.row, k.column + by.column};
    if (k.column >= columns) k.column -= columns, ++k.row;
    if (k.row >= rows) k.row -= rows, k.image += image_size;
  }
};

Product<ShiftedImages, MatrixAlongOuter> gradient(const ConvShape& s, const real* x, const real* dy) {
  const int64_t weights = int64_t(s.kh) * s.kw * s.ci, pixels = int64_t(s.n) * s.oh() * s.ow();
  return {ShiftedImages(s, x), MatrixAlongOuter(dy, s.co, pixels), weights, s.co, pixels};
}

}  // namespace

int64_t conv2d_dw_workspace(const ConvShape& s) { return plan_for(gradient(s, nullptr, nullptr).extents()).workspace; }

void conv2d_dw(const Stream& stream, const ConvShape& s, const real* x, const real* dy, real* workspace, real* dw) {
  compute_product(stream, gradient(s, x, dy), Plain{}, workspace, dw);
}

}  // namespace erg::kernels::cuda
