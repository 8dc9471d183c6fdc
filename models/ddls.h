// DDLS: discriminator driven latent sampling (Che et al. 2020).
//
// Rejection sampling from a GAN with its discriminator would keep G(z) in proportion to exp(d(G(z))), with d the logit.
// In latent space that is a density: z ~ p_0(z) exp(d(G(z))), whose energy, for a standard normal prior, is
//
//   E(z) = 1/2 |z|^2 - d(G(z)).
//
// Langevin dynamics on E, then G, gives samples that follow the data where D is optimal; no Jacobian is needed. G and D
// must be in evaluation mode, so that the chains of a batch do not see each other. The paper's Algorithm 1 is
// unadjusted (Langevin::ddls, with epsilon 0.01); an exact sampler (Mala) takes the bias of its step size away. A
// critic that is no logit, such as SNGAN's, may be used as it is, as an energy that corrects G's; or calibrated first
// (calibration.h).
#pragma once

#include "refiner.h"
#include "system.h"

namespace erg {

/// generate: [B,latent] -> [B,...];  logit: [B,...] -> [B].
inline Energy ddls_energy(std::function<Tensor(const Tensor&)> generate, std::function<Tensor(const Tensor&)> logit) {
  return [generate = std::move(generate), logit = std::move(logit)](const Tensor& z) {
    return sum_per_sample(square(z)) / 2 - logit(generate(z));
  };
}

/// The same of a view, whose prior must be N(0, I). Throws std::invalid_argument for a logit that has no gradient.
inline Energy ddls_energy(const GanView& gan) {
  check_gradient(gan, "ddls");
  return ddls_energy(gan.generate, gan.logit);
}

}  // namespace erg
