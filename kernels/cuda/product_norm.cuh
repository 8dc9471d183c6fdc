// A matrix product and the batch normalisation of its columns: the product's tiles leave the sums that the statistics
// are made of, which saves a pass over C.
#pragma once

#include <algorithm>

#include "norm.cuh"
#include "product.cuh"

namespace erg::kernels::cuda {

/// Where the product's tiles leave sums: not where several blocks share a tile, nor where there is little to read.
inline bool tiles_leave_sums(const Plan& plan, const NormShape& norm) {
  return plan.splits == 1 && !batch_norm_is_one_launch(norm);
}

/// In reals.
inline int64_t product_norm_workspace(const Extents& e, const NormShape& norm) {
  const Plan plan = plan_for(e);
  if (!tiles_leave_sums(plan, norm)) return std::max(plan.workspace, batch_norm_workspace(norm));
  return plan.tile_rows * 2 * norm.channels * int64_t(sizeof(double) / sizeof(real));
}

/// C = A B, and y, mean, rstd = batch_norm(C). The workspace holds product_norm_workspace() reals.
template <class Problem>
void compute_product_norm(const Stream& stream, const Problem& problem, const NormShape& norm, const real* gamma,
                          const real* beta, real* workspace, real* c, real* mean, real* rstd, real* y) {
  const Plan plan = plan_for(problem.extents());
  if (!tiles_leave_sums(plan, norm)) {
    compute_product(stream, problem, Plain{}, workspace, c);
    return batch_norm(stream, norm, c, gamma, beta, workspace, mean, rstd, y);
  }
  double* const sums = reinterpret_cast<double*>(workspace);
  launch_plan(stream, problem, ColumnMoments{sums}, plan, c);
  batch_norm_of_sums(stream, norm, unsigned(plan.tile_rows), sums, c, gamma, beta, mean, rstd, y);
}

}  // namespace erg::kernels::cuda
