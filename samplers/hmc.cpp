#include "hmc.h"

#include <cmath>
#include <string>

#include "../engine/ops.h"
#include "metropolis.h"

namespace erg {

void Hmc::check() const {
  if (!(step_size > 0) || !std::isfinite(step_size))
    throw std::invalid_argument("[hmc] the step must be positive, got " + std::to_string(step_size));
  if (leapfrog_steps < 1)
    throw std::invalid_argument("[hmc] wants at least one leapfrog step, got " + std::to_string(leapfrog_steps));
  if (!(jitter >= 0 && jitter < 1))
    throw std::invalid_argument("[hmc] jitter must be in [0,1), got " + std::to_string(jitter));
}

/// Leapfrog steps of the Hamiltonian E(x) + |p|^2 / 2 from a fresh momentum p, accepted by the change of its value.
void Hmc::step(const Energy& energy, Chains& chains, Noise& noise) const {
  chains.evaluate(energy);
  Tensor per_chain = chains.step_or(step_size);
  if (jitter > 0) per_chain = per_chain * noise.uniform({chains.count()}, 1 - jitter, 1 + jitter, chains.first);
  const Tensor epsilon = chains.broadcast(per_chain);

  const Tensor momentum = noise.normal(chains.x.shape(), chains.first);
  Tensor p = momentum - epsilon / 2 * chains.gradient;
  Chains proposal = chains;
  for (int i = 1; i <= leapfrog_steps; ++i) {
    proposal.move_to(proposal.x + epsilon * p);
    proposal.evaluate(energy);
    p = p - (i < leapfrog_steps ? epsilon : epsilon / 2) * proposal.gradient;
  }
  const Tensor before = chains.energy + sum_per_sample(square(momentum)) / 2;
  const Tensor after = proposal.energy + sum_per_sample(square(p)) / 2;
  chains.hamiltonian = before;
  chains.acceptance = metropolis_(chains, proposal, before - after, chances(chains, noise));
}

}  // namespace erg
