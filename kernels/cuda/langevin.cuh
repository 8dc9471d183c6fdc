// One coordinate's Langevin step (the contract is in update.h), for the kernel that takes one step of everything and
// for the one that takes all steps of a chain.
#pragma once

#include "../math.h"
#include "../update.h"

namespace erg::kernels::cuda {

/// A NaN in the position or the gradient passes every clamp.
struct LangevinStep {
  LangevinUpdate s;

  ERG_HD real moved(real x, real g) const { return x - s.drift * math::clamp(g, -s.grad_clip, s.grad_clip); }
  ERG_HD real operator()(real x, real g) const { return math::clamp(moved(x, g), s.low, s.high); }
  ERG_HD real operator()(real x, real g, real z) const { return math::clamp(moved(x, g) + s.noise * z, s.low, s.high); }
};

}  // namespace erg::kernels::cuda
