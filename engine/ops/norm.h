// What batch_norm shares with the convolutions that compute it along with themselves (conv.cpp).
#pragma once

#include "../../kernels/norm.h"
#include "../ops.h"

namespace erg::detail {

/// Throws std::invalid_argument, in the name of `op`, unless gamma and beta fit the channels of an x of this shape and
/// negative_slope >= 0.
void check_batch_norm(const char* op, const Shape& x, const Tensor& gamma, const Tensor& beta, real negative_slope);

/// y as the recorded result of a batch_norm of x, whichever kernel computed it, and the statistics in its terms.
BatchNormResult record_batch_norm(const kernels::NormShape& shape, const Tensor& x, const Tensor& gamma,
                                  const Tensor& beta, const Tensor& mean, const Tensor& rstd, const Tensor& y);

}  // namespace erg::detail
