// HMC: Hamiltonian Monte Carlo (Duane et al. 1987; Neal 2011, "MCMC using Hamiltonian dynamics"). Its law is exp(-E)
// exactly.
#pragma once

#include "chains.h"

namespace erg {

struct Hmc {
  real step_size;      // of the leapfrog integrator; chains.step_size, where set, replaces it
  int leapfrog_steps;  // each costs one gradient
  /// Each chain's every step size is drawn from (1 +- jitter) step_size. A trajectory of fixed length can fall into
  /// step with the target's own period: near half of it, draws alternate between opposite ends at unchanged energy,
  /// which folded R-hat sees. 0.5 is a good choice for few leapfrog steps.
  real jitter = 0;

  /// Throws std::invalid_argument unless step_size > 0, leapfrog_steps >= 1 and 0 <= jitter < 1.
  void check() const;
  void step(const Energy& energy, Chains& chains, Noise& noise) const;
};

}  // namespace erg
