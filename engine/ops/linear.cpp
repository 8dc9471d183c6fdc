#include "../../kernels/gemm.h"

#include <stdexcept>

#include "../ops.h"
#include "../tape.h"

namespace erg {

Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  const auto fail = [&](const char* why) {
    throw std::invalid_argument("[matmul] " + to_string(a.shape()) + (transpose_a ? "^T" : "") + " x " +
                                to_string(b.shape()) + (transpose_b ? "^T" : "") + ": " + why);
  };
  if (a.rank() != 2 || b.rank() != 2) fail("both must have two dimensions");
  const kernels::GemmShape s{a.dim(transpose_a ? 1 : 0), b.dim(transpose_b ? 0 : 1), a.dim(transpose_a ? 0 : 1),
                             transpose_a, transpose_b};
  if (s.k != b.dim(transpose_b ? 1 : 0)) fail("inner sizes differ");

  Tensor y = Tensor::empty({s.m, s.n}, a.device());
  Tensor workspace = Tensor::empty({kernels::gemm_workspace(a.device(), s)}, a.device());
  kernels::gemm(stream_of(y), s, a.data(), b.data(), workspace.mutate(), y.mutate());

  // y = A B:  dA = g B^T,  dB = A^T g;  where A was given transposed, so is its gradient.
  return record("matmul", y,  //
                From{a,
                     [=, b = Saved(b)](const Tensor& g) {
                       return transpose_a ? matmul(b(), g, transpose_b, true) : matmul(g, b(), false, !transpose_b);
                     }},
                From{b, [=, a = Saved(a)](const Tensor& g) {
                       return transpose_b ? matmul(g, a(), true, transpose_a) : matmul(a(), g, !transpose_a, false);
                     }});
}

}  // namespace erg
