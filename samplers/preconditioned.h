// Preconditioned stochastic gradient Langevin dynamics: RMSProp's scaling of each coordinate (Li, Chen, Carlson & Carin
// 2016, algorithm 1).
#pragma once

#include "chains.h"

namespace erg {

/// v <- decay v + (1 - decay) (dE/dx)^2,  G = 1 / (lambda + sqrt v),  x <- x - eta G dE/dx + sqrt(2 eta G) xi.
/// As the paper does in practice, the term for the change of G along x is left out: the bias it leaves vanishes as
/// decay -> 1. With decay = 1 the scaling stays as it is, and the law is that of unadjusted Langevin.
struct Preconditioned {
  real eta;  // the paper's epsilon / 2
  real decay = real(0.99);
  real lambda = real(1e-5);

  /// Throws std::invalid_argument unless eta > 0, 0 <= decay <= 1 and lambda > 0.
  void check() const;
  /// Chains without a mean square begin with one of 1, that is unscaled.
  void step(const Energy& energy, Chains& chains, Noise& noise) const;
};

}  // namespace erg
