// Parallel tempering: replicas of every chain at a ladder of temperatures, moved by MALA and exchanged between
// neighbours (Swendsen & Wang 1986, Geyer 1991). Hot replicas cross barriers, and the exchanges carry them down. The
// law of the replicas at temperature 1 is exp(-E) exactly.
//
//   const ParallelTempering tempering{{1, 3, 9}, 0.1f};  // the energies of its traces and draws are E / T
//   Chains replicas = tempering.replicate(start);
//   advance(tempering, energy, replicas, 1000, noise);
//   Tensor x = tempering.at(replicas.x, 0);
#pragma once

#include <vector>

#include "chains.h"

namespace erg {

/// The ladder and its step.
struct ParallelTempering {
  std::vector<real> temperatures;  // rising; the first is the law asked for, usually 1
  real eta;                        // MALA's step at temperature 1; a replica's own grows with its temperature

  /// R replicas of every chain of x [B,...]: [B*R,...], a chain's replicas side by side.
  Chains replicate(const Tensor& x, int64_t first = 0) const;
  /// The rows of temperature i among rows of replicas: [B*R,...] -> [B,...]. Throws std::invalid_argument where there
  /// is no temperature i, or the rows are no multiple of R.
  Tensor at(const Tensor& replicas, size_t i) const;
  /// For each pair of neighbours, the mean probability of an exchange so far.
  std::vector<real> exchange_rates(const Chains& replicas) const;

  /// Throws std::invalid_argument unless there is a temperature, all are positive and rise, and eta is positive.
  void check() const;
  /// A step of MALA for each replica, then exchanges: even pairs of neighbours after even steps, odd pairs after odd
  /// ones, which carries replicas along the ladder faster than pairs at random (Syed et al. 2022).
  void step(const Energy& energy, Chains& replicas, Noise& noise) const;
};

}  // namespace erg
