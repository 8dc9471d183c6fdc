// Underdamped Langevin dynamics, by the splitting BAOAB (Leimkuhler & Matthews 2013, "Rational construction of
// stochastic numerical methods for molecular sampling").
#pragma once

#include "chains.h"

namespace erg {

/// dx = p dt,  dp = -dE/dx dt - friction p dt + sqrt(2 friction) dW. Its law for x is exp(-E) up to an error of fourth
/// order in h at high friction, and on a Gaussian there is none at all.
struct Underdamped {
  real h;             // time step
  real friction = 1;  // per unit of time

  /// Throws std::invalid_argument unless h > 0 and friction > 0.
  void check() const;
  /// Chains without a momentum get one from N(0, I).
  void step(const Energy& energy, Chains& chains, Noise& noise) const;
};

}  // namespace erg
