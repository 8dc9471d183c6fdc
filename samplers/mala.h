// MALA: the Metropolis-adjusted Langevin algorithm (Besag 1994, Roberts & Tweedie 1996). Its law is exp(-E) exactly.
#pragma once

#include "chains.h"

namespace erg {

struct Mala {
  real step_size;  // eta: the proposal is x - eta dE/dx + sqrt(2 eta) xi; chains.step_size, where set, replaces it

  /// Throws std::invalid_argument unless step_size is positive.
  void check() const;
  void step(const Energy& energy, Chains& chains, Noise& noise) const;
};

}  // namespace erg
