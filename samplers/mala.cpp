#include "mala.h"

#include <cmath>
#include <string>

#include "../engine/ops.h"
#include "metropolis.h"

namespace erg {

void Mala::check() const {
  if (!(step_size > 0) || !std::isfinite(step_size))
    throw std::invalid_argument("[mala] the step must be positive, got " + std::to_string(step_size));
}

/// With y = x - eta g(x) + sqrt(2 eta) xi, the densities of the move and of its reverse are
///   -log q(y|x) = |xi|^2 / 2 + c
///   -log q(x|y) = |x - y + eta g(y)|^2 / (4 eta) + c = |xi - sqrt(eta / 2) (g(x) + g(y))|^2 / 2 + c,
/// the last form without a difference of nearby points.
void Mala::step(const Energy& energy, Chains& chains, Noise& noise) const {
  chains.evaluate(energy);
  const Tensor eta = chains.broadcast(chains.step_or(step_size));
  const Tensor xi = noise.normal(chains.x.shape(), chains.first);

  Chains proposal = chains;
  proposal.move_to(chains.x - eta * chains.gradient + sqrt(2 * eta) * xi);
  proposal.evaluate(energy);
  const Tensor xi_back = xi - sqrt(eta / 2) * (chains.gradient + proposal.gradient);
  const Tensor forward = sum_per_sample(square(xi)) / 2, back = sum_per_sample(square(xi_back)) / 2;
  const Tensor log_ratio = chains.energy - proposal.energy + forward - back;
  chains.acceptance = metropolis_(chains, proposal, log_ratio, chances(chains, noise));
}

}  // namespace erg
