// DG-flow: refinement along the gradient flow of an f-divergence (Ansari et al. 2021).
//
// The flow that takes a density p_t to the data's, slowed down by entropy of weight gamma, is that of particles
//
//   dx = -grad f'(r(x)) dt + sqrt(2 gamma) dW,    r = p_t/p_data.
//
// The paper starts it at G's samples and holds r at p_G/p_data = exp(-d) from there on; in latent space d is d(G(z)):
//
//   z <- z + eta s(d) grad_z d(G(z)) + sqrt(2 eta gamma) xi       eta 0.1, gamma 0.01, 25 steps
//
//   divergence   f(r)                              s(d), by -grad f'(r) = s(d) grad d
//   KL           r log r                           1
//   JS           r log r - (r+1) log((r+1)/2)      sigmoid(d)
//   log D        (r+1) log(r+1) - (r+1) log 2      sigmoid(-d)
//
// With r at rest each drift is a gradient, so the step is Langevin dynamics at temperature gamma on an energy, which is
// what this file makes: Langevin::tempered(eta, sqrt(2 eta gamma)) takes it. What the chain would end in is therefore
// exp(d/gamma), (1 + exp(d))^(1/gamma) or D^(1/gamma), and not the data's law: there is no prior in it (compare
// ddls.h), and for JS it cannot be normalised. A few steps are meant.
#pragma once

#include "refiner.h"

namespace erg {

/// The table above, row by row.
enum class FlowDivergence { kl, js, log_d };

/// -d, -softplus(d) and softplus(-d) of d = d(G(z)). Throws std::invalid_argument for a logit that has no gradient.
inline Energy dgflow_energy(const GanView& gan, FlowDivergence divergence) {
  check_gradient(gan, "dgflow");
  return [gan, divergence](const Tensor& z) {
    const Tensor d = gan.latent_logit(z);
    if (divergence == FlowDivergence::kl) return -d;
    return divergence == FlowDivergence::js ? -softplus(d) : softplus(-d);
  };
}

}  // namespace erg
