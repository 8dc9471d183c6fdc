// Average pooling and nearest-neighbour upsampling: each is, up to a factor k*k, the gradient of the other.
#pragma once

#include "kernel.h"

namespace erg::kernels {

/// The fine side is [n, h*k, w*k, c], the coarse side [n, h, w, c].
struct PoolShape {
  int n, h, w, c, k;

  /// Elements on either side.
  int64_t coarse_size() const { return int64_t(n) * h * w * c; }
  int64_t fine_size() const { return coarse_size() * k * k; }
  double bytes() const { return bytes_of_reals(coarse_size() + fine_size()); }
};

/// y[n,y,x,c] = mean over the k x k block of x (fine to coarse).
ERG_KERNEL(avg_pool, const PoolShape& s, const real* x, real* y);

/// y[n,Y,X,c] = x[n, Y/k, X/k, c] (coarse to fine).
ERG_KERNEL(upsample, const PoolShape& s, const real* x, real* y);

}  // namespace erg::kernels
