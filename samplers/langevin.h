// Unadjusted Langevin dynamics.
//
// One canonical step serves every paper:   x <- clamp(x - drift * clip(dE/dx) + noise * xi),  xi ~ N(0, I).
// It follows the law exp(-E/T) with temperature T = noise^2 / (2 drift), exactly as drift -> 0; the named constructors
// translate the papers' conventions.
#pragma once

#include <limits>

#include "chains.h"

namespace erg {

struct Langevin {
  real drift, noise;
  real low = -std::numeric_limits<real>::infinity(), high = std::numeric_limits<real>::infinity();
  real grad_clip = std::numeric_limits<real>::infinity();
  bool noise_first = false;  // add the noise, then take the gradient at the noisy point (IGEBM's order)

  /// x - eta dE/dx + sqrt(2 eta) xi: the unadjusted Langevin algorithm, temperature one.
  /// On a unit Gaussian its stationary variance is 1 / (1 - eta/2).
  static Langevin exact(real eta);
  /// z - (epsilon/2) dE/dz + sqrt(epsilon) xi: the textbook's step, and Algorithm 1 of DDLS (Che et al. 2020).
  static Langevin ddls(real epsilon);
  /// x - step dE/dx + noise xi with the two chosen apart.
  static Langevin tempered(real step, real noise);
  /// tempered(1, 0.01), T = 5e-5: JEM (Grathwohl et al. 2020).
  static Langevin jem();
  /// x += N(0, 0.005^2), then x -= 10 clip(dE/dx, 0.01), then clamp to [0,1] (Du & Mordatch 2019, their code).
  static Langevin igebm();

  /// T of the law exp(-E/T) that it follows.
  real temperature() const { return noise * noise / (2 * drift); }

  /// Throws std::invalid_argument unless drift > 0, noise >= 0, low <= high and grad_clip > 0.
  void check() const;
  void step(const Energy& energy, Chains& chains, Noise& source) const;
  /// Many steps in one launch where the energy is a NetEnergy of a small dense network (kernels/chain.h): returns how
  /// many it took, 0 for other energies. Element for element the chain of `step`, but for rounding.
  int64_t run_whole(const Energy& energy, Chains& chains, int64_t steps, Noise& source, Trace& trace,
                    int64_t row) const;
};

}  // namespace erg
