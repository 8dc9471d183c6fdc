// Data movement: slice, concat, pad, crop and permute are all one strided copy of a box.
#pragma once

#include "kernel.h"

namespace erg::kernels {

/// A box of `dims` elements, read with strides `from` and written with strides `to` (in elements).
struct BoxShape {
  int64_t dims[4];
  int64_t from[4];
  int64_t to[4];

  double bytes() const { return bytes_of_reals(2 * dims[0] * dims[1] * dims[2] * dims[3]); }
};

/// n elements that lie side by side on both sides.
inline BoxShape run_of(int64_t n) { return {{1, 1, 1, n}, {0, 0, 0, 1}, {0, 0, 0, 1}}; }

/// y[i . to] = x[i . from] for every index i of the box; the rest of y is left as it is.
ERG_KERNEL(copy_box, const BoxShape& s, const real* x, real* y);

/// y[i] = value for i < n.
ERG_KERNEL(fill, int64_t n, real value, real* y);
double bytes_of(decltype(fill)&, int64_t n, const auto&...) { return bytes_of_reals(n); }

}  // namespace erg::kernels
