// The catalogue of kernels/functors.h as operations.
#include <stdexcept>

#include "../map.h"

namespace erg {

kernels::MapShape map_shape(const Shape& out, std::span<const Tensor> inputs) {
  // Built from the last dimension to the first: a dimension joins the one inside it if every input steps through
  // both with one stride, or stays put in both.
  kernels::MapShape s{};
  const int n = int(inputs.size());
  int64_t dims[Shape::max_rank], strides[kernels::MapShape::max_inputs][Shape::max_rank],
      dense[kernels::MapShape::max_inputs];
  std::fill_n(dense, n, int64_t(1));
  int rank = 0;
  for (int d = 1; d <= out.rank(); ++d) {
    const int64_t extent = out[-d];
    int64_t step[kernels::MapShape::max_inputs];
    bool joins = rank > 0;
    for (int i = 0; i < n; ++i) {
      const Shape& shape = inputs[i].shape();
      const int64_t own = d <= shape.rank() ? shape[-d] : 1;
      step[i] = own == 1 ? 0 : dense[i];
      dense[i] *= own;
      joins = joins && step[i] == strides[i][rank - 1] * dims[rank - 1];
    }
    if (extent == 1 && out.rank() > 1) continue;
    if (joins) {
      dims[rank - 1] *= extent;
      continue;
    }
    dims[rank] = extent;
    for (int i = 0; i < n; ++i) strides[i][rank] = step[i];
    ++rank;
  }
  if (rank == 0) {  // a scalar, or nothing but extents of one
    dims[0] = 1;
    for (int i = 0; i < n; ++i) strides[i][0] = 0;
    rank = 1;
  }
  s.rank = rank;
  for (int d = 0; d < rank; ++d) {
    s.dims[d] = dims[rank - 1 - d];
    for (int i = 0; i < n; ++i) s.strides[i][d] = strides[i][rank - 1 - d];
  }
  return s;
}

#define ERG_DEFINE(functor, operation, ...) \
  Tensor operation(const Tensor& x) { return map(functors::functor{}, x); }
ERG_SMOOTH_FUNCTORS(ERG_DEFINE)
ERG_OUTPUT_FUNCTORS(ERG_DEFINE)
#undef ERG_DEFINE

Tensor relu(const Tensor& x) { return map(functors::Relu{}, x); }
Tensor elu(const Tensor& x) { return map(functors::Elu{}, x); }
Tensor abs(const Tensor& x) { return map(functors::Abs{}, x); }
Tensor clamp(const Tensor& x, real low, real high) { return map(functors::Clamp{low, high}, x); }
Tensor maximum(const Tensor& a, const Tensor& b) { return map(functors::Maximum{}, a, b); }
Tensor minimum(const Tensor& a, const Tensor& b) { return map(functors::Minimum{}, a, b); }

Tensor leaky_relu(const Tensor& x, real negative_slope) {
  if (!(negative_slope > 0))
    throw std::invalid_argument("[leaky_relu] the slope must be positive, got " + std::to_string(negative_slope) +
                                "; use relu for 0");
  return map(functors::LeakyRelu{negative_slope}, x);
}

}  // namespace erg
