// Kernel distance (Binkowski et al. 2018, KID): the squared maximum mean discrepancy between two sets of features under
// the kernel (x.y/d + 1)^3, unbiased, averaged over random subsets. Unlike the Frechet distance its expectation does
// not depend on the number of samples, and is zero for equal laws.
#pragma once

#include "../../engine/random.h"

namespace erg::tools {

/// The unbiased estimate from all of a [N,d] and b [M,d], which may be negative. Throws std::invalid_argument for fewer
/// than two samples or different d.
double squared_mmd(const Tensor& a, const Tensor& b);

struct KernelOptions {
  int subsets = 100;
  int64_t size = 1000;  // of a subset, drawn without replacement; the smaller set's where that is fewer
};
struct KernelDistance {
  double mean, deviation;  // over the subsets
};
KernelDistance kernel_distance(const Tensor& a, const Tensor& b, Noise noise, const KernelOptions& options = {});

}  // namespace erg::tools
