// map: y = f(x_1, ..., x_n) elementwise, inputs broadcast to the output's shape. f is a functor of the catalogue
// (functors.h) or one of its derivatives; other functors do not link, on purpose: the catalogue is compiled once.
#pragma once

#include "functors.h"
#include "kernel.h"

namespace erg::kernels {

/// The output's extents, and for each input the stride of each dimension: 0 where the input is broadcast.
/// Adjacent dimensions that all inputs walk alike are merged by the caller, so that rank is as small as can be.
struct MapShape {
  static constexpr int max_rank = 4, max_inputs = 6;
  int rank;
  int64_t dims[max_rank];
  int64_t strides[max_inputs][max_rank];

  /// The output's number of elements.
  int64_t size() const {
    int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= dims[i];
    return n;
  }
  /// Elements of an input, each counted once however often it is read.
  int64_t input_size(int input) const {
    int64_t n = 1;
    for (int i = 0; i < rank; ++i)
      if (strides[input][i] != 0 || dims[i] == 0) n *= dims[i];
    return n;
  }
};

template <class F>
double bytes_of(const auto& /*map*/, const F&, const MapShape& s, const real* const*, real*) {
  int64_t n = s.size();
  for (int i = 0; i < F::arity; ++i) n += s.input_size(i);
  return bytes_of_reals(n);
}

namespace cpu {
/// The body, compiled for the functors of the catalogue and their derivatives.
template <class F>
void map(const Stream& stream, const F& f, const MapShape& s, const real* const* x, real* y);
}  // namespace cpu
namespace cuda {
/// The body, compiled for the functors of the catalogue and their derivatives.
template <class F>
void map(const Stream& stream, const F& f, const MapShape& s, const real* const* x, real* y);
}  // namespace cuda

/// y[i] = f(x[0][i], x[1][i], ...) for every index i of the output; x has F::arity pointers.
template <class F>
void map(const Stream& stream, const F& f, const MapShape& s, const real* const* x, real* y) {
  constexpr Kernel<&cpu::map<F>, &cuda::map<F>> kernel{F::name};
  kernel(stream, f, s, x, y);
}

}  // namespace erg::kernels
