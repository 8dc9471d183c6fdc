// Whether a kernel computes what it should: some elements of its result against plain loops in double. What is wrong
// is not worth timing.
#pragma once

#include <cmath>
#include <functional>

#include "../../engine/tensor.h"
#include "../../kernels/conv.h"
#include "../../kernels/gemm.h"
#include "../../kernels/norm.h"
#include "law.h"
#include "precision.h"
#include "rulers.h"

namespace erg::tools {

/// A sum in double; rounding is measured by the magnitude of its terms.
struct Sum {
  double value = 0, magnitude = 0;

  void add(double term) {
    value += term;
    magnitude += std::abs(term);
  }
};

/// Compares 16 elements of `result`, spread over it, with expected(element). Factors that are rounded to tf32 may be
/// 2e-3 of the magnitude off, sums in fp32 1e-5.
LawCheck check_elements(const Tensor& result, Precision precision, const std::function<Sum(int64_t element)>& expected);

LawCheck check_gemm(const kernels::GemmShape& s, Precision precision, const Tensor& a, const Tensor& b,
                    const Tensor& c);
/// The triad, whose operands and result are those of the kernel in question.
LawCheck check_convolution(Convolution which, const kernels::ConvShape& s, Precision precision, const Tensor& first,
                           const Tensor& second, const Tensor& result);
/// y = leaky_relu(conv2d(x, w) + bias)
LawCheck check_conv2d_bias(const kernels::ConvShape& s, Precision precision, real negative_slope, const Tensor& x,
                           const Tensor& w, const Tensor& bias, const Tensor& y);
LawCheck check_batch_norm(const kernels::NormShape& s, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                          const Tensor& y);
/// For a mean of 0 and a standard deviation of 1, whatever x has.
LawCheck check_batch_norm_backward(const kernels::NormShape& s, const Tensor& g, const Tensor& x, const Tensor& gamma,
                                   const Tensor& beta, const Tensor& dx);

}  // namespace erg::tools
