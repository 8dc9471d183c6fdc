// The precision of matrix products on GPUs, for measurements that compare the two there are.
#pragma once

#include "../../kernels/cuda/runtime.h"

namespace erg::tools {

using kernels::cuda::Precision;

inline const char* name(Precision precision) { return precision == Precision::tf32 ? "tf32" : "fp32"; }

/// The precision of products on a device, as things are set. The CPU knows only one.
inline Precision precision_on(Device device) {
  if constexpr (has_cuda)
    if (device.kind == Device::Kind::cuda) return kernels::cuda::precision();
  return Precision::fp32;
}

// ---- How far rounding may lead chains from those in double, relative to their way
//
// Single precision leads them 1e-6 of it, and 1e-3 leaves room for sums in another order.
//
// Factors in tf32 have 11 bits. Rounding to them errs by 2^-11 of a factor at most, and in root mean square, over
// mantissas from 1 to 2, by 2.1e-4; a product errs by sqrt(2) times that, and a sum of products, whose errors know
// nothing of each other, by the same part of its typical size: e = 2.9e-4.
//
// Smooth units pass errors on. After three layers up and three down, the gradient errs by sqrt(6) e = 7e-4 of its size,
// and a chain by less of its way, much of which is noise. (40 random networks like the benchmark's: at most 4.8e-4.)
//
// The argument of a rectifier in layer l errs by e_l = sqrt(l) e. It lies on the other side of the bend with
// probability e_l / pi (the angle between two normals of correlation 1 - e_l^2 / 2, over pi), and then the derivative
// is off by 1 - slope: on average by 2 (1 - slope)^2 / (1 + slope^2) e_l / pi of the gradient's square. With a slope of
// 0.05 that sums over four layers to 1e-3, so that the gradient errs by 3 %. And whoever is led elsewhere finds another
// gradient there: the difference grows from step to step. So such chains are compared after the first, in which clipped
// gradients make up to twice as much of it. (24 random networks like the benchmark's: at most 5.2 %, and after ten
// steps 20 to 32 %.)
//
// In fp32 e is a thousand times smaller, and of chains that take ten steps with 60,000 rectifiers still one of some
// fifteen meets a bend; it then ends as far away as others do in tf32. So it is half of the chains that must stay near.

inline constexpr double allowed_in_fp32 = 1e-3, allowed_in_tf32_if_smooth = 2e-3;
/// After one step.
inline constexpr double allowed_in_tf32_if_not = 0.1;

/// While it lives, products on GPUs are in this precision.
class InPrecision {
 public:
  explicit InPrecision(Precision precision) {
    if constexpr (has_cuda) before_ = kernels::cuda::precision(), kernels::cuda::set_precision(precision);
  }
  ~InPrecision() {
    if constexpr (has_cuda) kernels::cuda::set_precision(before_);
  }
  InPrecision(const InPrecision&) = delete;
  InPrecision& operator=(const InPrecision&) = delete;

 private:
  Precision before_ = Precision::fp32;
};

}  // namespace erg::tools
