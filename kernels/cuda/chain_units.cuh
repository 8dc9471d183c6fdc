// The units of a chain's network: outputs, and the derivatives that the way back needs, which share most of their work.
//
// Exponential, logarithm and division are the fast ones, which take an instruction or two each on the special-function
// unit. The results are good to 3e-7 of the larger of 1 and their value, about what chain_units.inl promises on the
// CPU.
#pragma once

#include "../chain.h"
#include "../math.h"
#include "portable.cuh"

namespace erg::kernels::cuda {

/// A unit's output and its derivative.
struct Activation {
  real value, slope;
};

/// 1 / (1 + e^-x), given z = e^-|x|. The divisor lies between 1 and 2, where the fast division is good to 2 ulp.
__device__ __forceinline__ real sigmoid_of(real x, real z) { return __fdividef(x < 0 ? z : real(1), 1 + z); }

struct IdentityUnit {
  __device__ Activation operator()(real x) const { return {x, 1}; }
};

struct LeakyReluUnit {
  real below;
  __device__ Activation operator()(real x) const {
    const real slope = x < 0 ? below : real(1);
    return {slope * x, slope};
  }
};

struct SiluUnit {
  __device__ Activation operator()(real x) const {
    const real s = sigmoid_of(x, __expf(-math::abs(x))), value = x * s;
    return {value, s + value * (1 - s)};
  }
};

struct SoftplusUnit {
  __device__ Activation operator()(real x) const {
    const real z = __expf(-math::abs(x)), positive = x > 0 ? x : real(0);
    return {positive + __logf(1 + z), sigmoid_of(x, z)};
  }
};

struct TanhUnit {
  __device__ Activation operator()(real x) const {
    const real z = __expf(-2 * math::abs(x)), value = ::copysignf(__fdividef(1 - z, 1 + z), x);
    return {value, 1 - value * value};
  }
};

/// Calls f with the unit as a function: outside of loops, so that what is in them has no branches.
template <class F>
__device__ __forceinline__ void with_unit(DenseLayer::Unit unit, real below, const F& f) {
  using Unit = DenseLayer::Unit;
  switch (unit) {
    case Unit::identity: return f(IdentityUnit{});
    case Unit::leaky_relu: return f(LeakyReluUnit{below});
    case Unit::silu: return f(SiluUnit{});
    case Unit::softplus: return f(SoftplusUnit{});
    case Unit::tanh: return f(TanhUnit{});
  }
}

}  // namespace erg::kernels::cuda
