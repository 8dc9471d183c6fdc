// Sums, and broadcasting, which is their gradient.
#include <stdexcept>

#include "../../kernels/reduce.h"
#include "../map.h"

namespace erg {

namespace {

/// `small` seen with the rank of `large`, ones in front. Throws unless `small` broadcasts to `large`.
Shape aligned(const char* op, const Shape& small, const Shape& large) {
  const auto fail = [&] {
    throw std::invalid_argument("[" + std::string(op) + "] " + to_string(small) + " does not broadcast to " +
                                to_string(large));
  };
  if (small.rank() > large.rank()) fail();
  Shape shape = large;
  for (int i = 1; i <= large.rank(); ++i) {
    shape[-i] = i <= small.rank() ? small[-i] : 1;
    if (shape[-i] != large[-i] && shape[-i] != 1) fail();
  }
  return shape;
}

Tensor sum_adjacent(const Tensor& x, const kernels::AxisShape& s, const Shape& result) {
  Tensor y = Tensor::empty(result, x.device());
  Tensor workspace = Tensor::empty({kernels::sum_axis_workspace(x.device(), s)}, x.device());
  kernels::sum_axis(stream_of(x), s, x.data(), workspace.mutate(), y.mutate());
  return y;
}

}  // namespace

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const Shape target = aligned("sum_to", shape, x.shape());
  // Each run of adjacent reduced dimensions is one pass of the kernel.
  Tensor y = x.detach();
  for (int d = 0; d < x.rank();) {
    if (target[d] == x.dim(d)) {
      ++d;
      continue;
    }
    kernels::AxisShape s{1, 1, 1};
    for (int i = 0; i < d; ++i) s.outer *= target[i];
    int last = d;
    for (; last < x.rank() && target[last] != x.dim(last); ++last) s.axis *= x.dim(last);
    Shape result = y.shape();
    for (int i = d; i < last; ++i) result[i] = 1;
    for (int i = last; i < x.rank(); ++i) s.inner *= x.dim(i);
    y = sum_adjacent(y, s, result);
    d = last;
  }
  y = y.with_shape(shape);
  return record("sum_to", y, From{x, [from = x.shape()](const Tensor& g) { return broadcast_to(g, from); }});
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  aligned("broadcast_to", x.shape(), shape);
  Tensor y = Tensor::empty(shape, x.device());
  const real* in[] = {x.data()};
  kernels::map(stream_of(x), functors::Affine{1, 0}, map_shape(shape, {&x, 1}), in, y.mutate());
  return record("broadcast_to", y, From{x, [from = x.shape()](const Tensor& g) { return sum_to(g, from); }});
}

Tensor sum(const Tensor& x) { return sum_to(x, {}); }

Tensor mean(const Tensor& x) {
  if (x.size() == 0) throw std::invalid_argument("[mean] of no elements: " + to_string(x.shape()));
  return sum(x) / real(x.size());
}

Tensor sum_per_sample(const Tensor& x) {
  if (x.rank() == 0) throw std::invalid_argument("[sum_per_sample] wants [B,...], got []");
  return reshape(sum_to(flatten(x), {x.dim(0), 1}), {x.dim(0)});
}

Tensor max_per_sample(const Tensor& x) {
  if (x.rank() == 0 || (x.size() == 0 && x.dim(0) > 0))
    throw std::invalid_argument("[max_per_sample] wants samples with elements, [B,...], got " + to_string(x.shape()));
  Tensor left = flatten(x);
  // Each round folds the row in two; the middle of an odd one meets its neighbour.
  while (left.dim(1) > 1) {
    const int64_t n = left.dim(1), half = (n + 1) / 2;
    left = maximum(slice(left, 1, 0, half), slice(left, 1, n - half, n));
  }
  return reshape(left, {x.dim(0)});
}

Tensor logsumexp_per_sample(const Tensor& x) {
  const Tensor largest = max_per_sample(x.detach());  // any constant gives the same value and the same derivatives
  const Tensor column = reshape(largest, {x.dim(0), 1});
  return log(sum_per_sample(exp(flatten(x) - column))) + largest;
}

}  // namespace erg
