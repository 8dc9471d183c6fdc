// Batch normalisation whose sums another kernel has left in parts: the rest of it.
#pragma once

#include "../norm.h"

namespace erg::kernels::cuda {

/// Whether batch_norm reads these rows once only, so that sums from elsewhere would save nothing.
bool batch_norm_is_one_launch(const NormShape& s);

/// mean, rstd and y as of batch_norm, out of `parts` parts of the rows: part p has the sum of channel c in
/// sums[(2 p) channels + c], and the sum of squares in sums[(2 p + 1) channels + c]. Throws Error.
void batch_norm_of_sums(const Stream& stream, const NormShape& s, unsigned parts, const double* sums, const real* x,
                        const real* gamma, const real* beta, real* mean, real* rstd, real* y);

}  // namespace erg::kernels::cuda
