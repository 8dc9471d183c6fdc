// Langevin dynamics on any energy.
//
// One canonical step serves every paper:   x <- clamp(x - drift * clip(dE/dx) + noise * xi),  xi ~ N(0, I).
// It follows the law exp(-E/T) with temperature T = noise^2 / (2 drift), exactly as drift -> 0; the named constructors
// translate the papers' conventions.
#pragma once

#include <limits>

#include "../engine/energy.h"
#include "../engine/random.h"

namespace erg {

struct Langevin {
  real drift, noise;
  int steps;
  real low = -std::numeric_limits<real>::infinity(), high = std::numeric_limits<real>::infinity();
  real grad_clip = std::numeric_limits<real>::infinity();
  bool noise_first = false;  // add the noise, then take the gradient at the noisy point (IGEBM's order)

  /// x - eta dE/dx + sqrt(2 eta) xi: the unadjusted Langevin algorithm, temperature one.
  /// On a unit Gaussian its stationary variance is 1 / (1 - eta/2).
  static Langevin exact(real eta, int steps);
  /// z - (epsilon/2) dE/dz + sqrt(epsilon) xi: the textbook's step, and Algorithm 1 of DDLS (Che et al. 2020).
  static Langevin ddls(real epsilon, int steps);
  /// x - step dE/dx + noise xi with the two chosen apart, as JEM does (1 and 0.01; Grathwohl et al. 2020).
  static Langevin tempered(real step, real noise, int steps);
  /// x += N(0, 0.005^2), then x -= 10 clip(dE/dx, 0.01), then clamp to [0,1] (Du & Mordatch 2019, their code).
  static Langevin igebm(int steps);

  real temperature() const { return noise * noise / (2 * drift); }

  /// Runs every chain of x [B,...] for `steps` steps and returns where they end; x itself is left alone.
  /// Throws std::invalid_argument for steps < 0 or a drift that is not positive.
  Tensor operator()(const Energy& energy, const Tensor& x, Noise& source) const;
};

}  // namespace erg
