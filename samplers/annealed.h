// Annealed Langevin dynamics: chains that pass through a ladder of levels, each with a step of its own and, if need be,
// an energy of its own.
#pragma once

#include <functional>
#include <vector>

#include "langevin.h"

namespace erg {

/// Temperatures in geometric progression from `hottest` down to 1: level i samples exp(-E / T_i), by steps of drift eta
/// and noise sqrt(2 eta T_i). Throws std::invalid_argument unless eta > 0, hottest > 0 and levels >= 1.
std::vector<Langevin> temperature_ladder(real eta, real hottest, int levels);
/// The same at temperatures of one's own. Throws std::invalid_argument unless there is one, and all are positive.
std::vector<Langevin> temperature_ladder(real eta, const std::vector<real>& temperatures);

/// For data smoothed by noise of standard deviations sigma_1 > ... > sigma_L: level i steps with
/// eta_i = epsilon sigma_i^2 / sigma_L^2 in the textbook's convention (Song & Ermon 2019, algorithm 1).
/// Throws std::invalid_argument unless epsilon and every sigma is positive and there is one.
std::vector<Langevin> noise_ladder(real epsilon, const std::vector<real>& sigmas);

/// A ladder of levels on one energy: chains spend `steps_per_level` of their steps (Chains::steps, so give it fresh
/// ones) on each level, the first level first, and stay at the last.
struct Annealed {
  std::vector<Langevin> levels;
  int64_t steps_per_level;

  /// Throws std::invalid_argument unless there is a level, each makes a step, and steps_per_level is positive.
  void check() const;
  void step(const Energy& energy, Chains& chains, Noise& noise) const;
};

/// The same where each level has an energy of its own, energy_of(i): where the chains of x [B,...] are after `steps`
/// steps at each level. Throws as advance.
Tensor anneal(const std::vector<Langevin>& levels, const std::function<Energy(size_t level)>& energy_of,
              const Tensor& x, int64_t steps, Noise& noise);

}  // namespace erg
