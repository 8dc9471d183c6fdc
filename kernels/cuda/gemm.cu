// Matrix multiplication. A and B as they lie in memory are the operands of product.cuh; a transposed one is read along
// its other index, and no matrix is ever transposed in memory.
#include "../gemm.h"

#include "matrix.cuh"
#include "product.cuh"

namespace erg::kernels::cuda {

namespace {

template <class A, class B>
void multiply(const Stream& stream, const GemmShape& s, const real* a, const real* b, real* workspace, real* c) {
  const Product<A, B> product{A(a, s.m, s.k), B(b, s.n, s.k), s.m, s.n, s.k};
  compute_product(stream, product, Plain{}, workspace, c);
}

}  // namespace

int64_t gemm_workspace(const GemmShape& s) { return plan_for({s.m, s.n, s.k, 1, s.m * s.n}).workspace; }

void gemm(const Stream& stream, const GemmShape& s, const real* a, const real* b, real* workspace, real* c) {
  if (s.transpose_a && s.transpose_b)
    multiply<MatrixAlongOuter, MatrixAlongK>(stream, s, a, b, workspace, c);
  else if (s.transpose_a)
    multiply<MatrixAlongOuter, MatrixAlongOuter>(stream, s, a, b, workspace, c);
  else if (s.transpose_b)
    multiply<MatrixAlongK, MatrixAlongK>(stream, s, a, b, workspace, c);
  else
    multiply<MatrixAlongK, MatrixAlongOuter>(stream, s, a, b, workspace, c);
}

}  // namespace erg::kernels::cuda
