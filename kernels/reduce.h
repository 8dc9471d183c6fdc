// Sums, in a fixed order.
#pragma once

#include "kernel.h"

namespace erg::kernels {

/// A tensor seen as [outer, axis, inner]: any reduction over adjacent dimensions is one of these.
struct AxisShape {
  int64_t outer, axis, inner;

  double bytes() const { return bytes_of_reals(outer * axis * inner + outer * inner); }
};

/// y[o,i] = sum_a x[o,a,i]. axis = 0 gives zeros. The order of summation depends on the shape alone, and partial sums
/// are taken over blocks, so that the rounding error grows far slower than with one running sum.
ERG_KERNEL(sum_axis, const AxisShape& s, const real* x, real* workspace, real* y);
ERG_WORKSPACE(sum_axis, AxisShape);

}  // namespace erg::kernels
