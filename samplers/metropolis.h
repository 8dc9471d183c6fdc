// The accept step of Metropolis and Hastings, which makes a chain's law exact whatever its proposals are.
#pragma once

#include "chains.h"

namespace erg {

/// Moves each chain to its row of `proposal` (evaluated) where log uniform < log_ratio, both [B], that is with
/// probability min(1, exp(log_ratio)), and returns those probabilities. A rejected chain stays, and its state counts
/// again. A proposal whose energy is +inf (outside the support) or NaN is never accepted.
Tensor metropolis(Chains& chains, const Chains& proposal, const Tensor& log_ratio, const Tensor& uniform);

/// The uniform numbers for that, one a chain.
inline Tensor chances(const Chains& chains, Noise& noise) {
  return noise.uniform({chains.count()}, 0, 1, chains.first);
}

}  // namespace erg
