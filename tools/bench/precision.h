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
