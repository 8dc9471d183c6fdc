// Matrix multiplication, row-major.
#pragma once

#include "kernel.h"

namespace erg::kernels {

/// C[m,n] = op(A) op(B), with op(A) of [m,k] and op(B) of [k,n].
struct GemmShape {
  int64_t m, n, k;
  bool transpose_a = false;  // A is stored as [k,m]
  bool transpose_b = false;  // B is stored as [n,k]

  double flops() const { return 2.0 * m * n * k; }
  double bytes() const { return bytes_of_reals(m * k + k * n + m * n); }
};

/// C = op(A) op(B). C is overwritten; k = 0 gives zeros.
ERG_KERNEL(gemm, const GemmShape& s, const real* a, const real* b, real* workspace, real* c);
ERG_WORKSPACE(gemm, GemmShape);

}  // namespace erg::kernels
