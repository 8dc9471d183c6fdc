// The accept step of Metropolis and Hastings, which makes a chain's law exact: its proposals may be anything whose
// densities the ratio accounts for.
#pragma once

#include "chains.h"

namespace erg {

/// Moves each chain, in place, to its row of `proposal` (evaluated) where log(1 - uniform) <= log_ratio, both [B]: with
/// probability min(1, exp(log_ratio)). Returns those probabilities. A rejected chain stays, and its state counts again.
/// A ratio of -inf (a proposal outside the support, where the energy is +inf) or NaN is never accepted.
Tensor metropolis_(Chains& chains, const Chains& proposal, const Tensor& log_ratio, const Tensor& uniform);

/// The uniform numbers for that, one a chain.
inline Tensor chances(const Chains& chains, Noise& noise) {
  return noise.uniform({chains.count()}, 0, 1, chains.first);
}

}  // namespace erg
