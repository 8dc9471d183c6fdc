// Moving data: reshape is free, everything else is one strided copy of a box.
#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "../../kernels/copy.h"
#include "../ops.h"
#include "../tape.h"

namespace erg {

namespace {

/// A tensor around one axis: [outer, extent, inner].
struct AxisView {
  int64_t outer = 1, extent, inner = 1;
};

AxisView view(const char* op, const Shape& shape, int axis) {
  if (axis < 0 || axis >= shape.rank())
    throw std::invalid_argument("[" + std::string(op) + "] axis " + std::to_string(axis) + " of " + to_string(shape) +
                                " does not exist");
  AxisView v{.extent = shape[axis]};
  for (int i = 0; i < axis; ++i) v.outer *= shape[i];
  for (int i = axis + 1; i < shape.rank(); ++i) v.inner *= shape[i];
  return v;
}

/// Copies `count` elements of an axis, from position `from` in x to position `to` in y.
void copy_along(const AxisView& x_view, int64_t from, const AxisView& y_view, int64_t to, int64_t count,
                const Tensor& x, Tensor& y) {
  const kernels::BoxShape box{{1, 1, x_view.outer, count * x_view.inner},
                              {0, 0, x_view.extent * x_view.inner, 1},
                              {0, 0, y_view.extent * y_view.inner, 1}};
  kernels::copy_box(stream_of(x), box, x.data() + from * x_view.inner, y.mutate() + to * y_view.inner);
}

Shape with_extent(Shape shape, int axis, int64_t extent) {
  shape[axis] = extent;
  return shape;
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  Tensor y = x.with_shape(shape);
  return record("reshape", y, From{x, [from = x.shape()](const Tensor& g) { return reshape(g, from); }});
}

Tensor flatten(const Tensor& x) {
  if (x.rank() == 0) throw std::invalid_argument("[flatten] wants [B,...], got []");
  int64_t features = 1;
  for (int i = 1; i < x.rank(); ++i) features *= x.dim(i);
  return reshape(x, {x.dim(0), features});
}

Tensor slice(const Tensor& x, int axis, int64_t begin, int64_t end) {
  const AxisView from = view("slice", x.shape(), axis);
  if (begin < 0 || end < begin || end > from.extent)
    throw std::invalid_argument("[slice] [" + std::to_string(begin) + "," + std::to_string(end) + ") of axis " +
                                std::to_string(axis) + " in " + to_string(x.shape()));
  Tensor y = Tensor::empty(with_extent(x.shape(), axis, end - begin), x.device());
  copy_along(from, begin, view("slice", y.shape(), axis), 0, end - begin, x, y);
  return record("slice", y,
                From{x, [=, extent = from.extent](const Tensor& g) { return place(g, axis, begin, extent); }});
}

Tensor place(const Tensor& x, int axis, int64_t begin, int64_t extent) {
  const AxisView from = view("place", x.shape(), axis);
  if (begin < 0 || begin + from.extent > extent)
    throw std::invalid_argument("[place] " + to_string(x.shape()) + " at " + std::to_string(begin) +
                                " of an axis of extent " + std::to_string(extent));
  Tensor y = Tensor::zeros(with_extent(x.shape(), axis, extent), x.device());
  copy_along(from, 0, view("place", y.shape(), axis), begin, from.extent, x, y);
  return record("place", y,
                From{x, [=, end = begin + from.extent](const Tensor& g) { return slice(g, axis, begin, end); }});
}

Tensor concat(const std::vector<Tensor>& parts, int axis) {
  if (parts.empty()) throw std::invalid_argument("[concat] of nothing");
  int64_t extent = 0;
  for (const Tensor& part : parts) {
    extent += view("concat", part.shape(), axis).extent;
    if (part.rank() != parts[0].rank() || !(with_extent(part.shape(), axis, parts[0].dim(axis)) == parts[0].shape()))
      throw std::invalid_argument("[concat] " + to_string(parts[0].shape()) + " and " + to_string(part.shape()) +
                                  " along axis " + std::to_string(axis) + ": the other extents must agree");
  }
  Tensor y = Tensor::empty(with_extent(parts[0].shape(), axis, extent), parts[0].device());
  const AxisView to = view("concat", y.shape(), axis);
  std::vector<int64_t> begins{0};
  for (const Tensor& part : parts) {
    copy_along(view("concat", part.shape(), axis), 0, to, begins.back(), part.dim(axis), part, y);
    begins.push_back(begins.back() + part.dim(axis));
  }
  return record_each("concat", y, parts, [&](size_t i) -> Vjp {
    return [=, begin = begins[i], end = begins[i + 1]](const Tensor& g) { return slice(g, axis, begin, end); };
  });
}

namespace {

void check_image(const char* op, const Tensor& x, int margin, int64_t smallest) {
  if (x.rank() != 4 || margin < 0 || x.dim(1) < smallest || x.dim(2) < smallest)
    throw std::invalid_argument("[" + std::string(op) + "] image " + to_string(x.shape()) + ", margin " +
                                std::to_string(margin));
}

/// Copies a window of [n,h,w,c] that starts at (margin, margin) in each of the two images.
void copy_window(const Shape& window, const Tensor& x, int64_t x_margin, Tensor& y, int64_t y_margin) {
  const int64_t c = window[3], xw = x.dim(2), xh = x.dim(1), yw = y.dim(2), yh = y.dim(1);
  const kernels::BoxShape box{
      {window[0], window[1], window[2], c}, {xh * xw * c, xw * c, c, 1}, {yh * yw * c, yw * c, c, 1}};
  kernels::copy_box(stream_of(x), box, x.data() + x_margin * (xw + 1) * c, y.mutate() + y_margin * (yw + 1) * c);
}

}  // namespace

Tensor pad(const Tensor& x, int margin) {
  check_image("pad", x, margin, 0);
  Tensor y = Tensor::zeros({x.dim(0), x.dim(1) + 2 * margin, x.dim(2) + 2 * margin, x.dim(3)}, x.device());
  copy_window(x.shape(), x, 0, y, margin);
  return record("pad", y, From{x, [margin](const Tensor& g) { return crop(g, margin); }});
}

Tensor crop(const Tensor& x, int margin) {
  check_image("crop", x, margin, 2 * int64_t(margin));
  Tensor y = Tensor::empty({x.dim(0), x.dim(1) - 2 * margin, x.dim(2) - 2 * margin, x.dim(3)}, x.device());
  copy_window(y.shape(), x, margin, y, 0);
  return record("crop", y, From{x, [margin](const Tensor& g) { return pad(g, margin); }});
}

Tensor permute(const Tensor& x, const std::vector<int>& order) {
  std::vector<int> inverse(order.size(), -1);
  for (size_t i = 0; i < order.size(); ++i)
    if (order[i] >= 0 && order[i] < int(order.size())) inverse[order[i]] = int(i);
  if (int(order.size()) != x.rank() || std::count(inverse.begin(), inverse.end(), -1))
    throw std::invalid_argument("[permute] the order must name each dimension of " + to_string(x.shape()) + " once");

  // Missing outer dimensions have extent one. y is written in order; x is read with permuted strides.
  kernels::BoxShape box{{1, 1, 1, 1}, {0, 0, 0, 0}, {0, 0, 0, 0}};
  Shape shape = x.shape();
  const int lead = Shape::max_rank - x.rank();
  for (int i = 0; i < x.rank(); ++i) shape[i] = x.dim(order[i]);
  int64_t stride[Shape::max_rank];
  for (int64_t i = x.rank() - 1, step = 1; i >= 0; step *= x.dim(int(i--))) stride[i] = step;
  for (int64_t i = x.rank() - 1, step = 1; i >= 0; step *= shape[int(i--)]) {
    box.dims[lead + i] = shape[int(i)];
    box.from[lead + i] = stride[order[i]];
    box.to[lead + i] = step;
  }
  Tensor y = Tensor::empty(shape, x.device());
  kernels::copy_box(stream_of(x), box, x.data(), y.mutate());
  return record("permute", y, From{x, [inverse](const Tensor& g) { return permute(g, inverse); }});
}

}  // namespace erg
