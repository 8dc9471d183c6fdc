// Step sizes found while a chain warms up.
#pragma once

#include "chains.h"

namespace erg {

/// Dual averaging of log step_size towards a mean acceptance (Hoffman & Gelman 2014, section 3.2), for each chain by
/// itself: log epsilon_m = mu - sqrt(m) / gamma * (mean error so far), and what remains is a running average of the log
/// epsilon_m that moves to the newest by m^-kappa. It leaves the acceptance a little above its target.
class DualAveraging {
 public:
  /// target: 0.574 is the optimum for MALA and 0.651 for HMC in high dimensions (Roberts & Rosenthal 1998; Beskos et
  /// al. 2013); 0.8 is a safer choice for HMC. Throws std::invalid_argument unless 0 < target < 1.
  DualAveraging(const Tensor& start, real target);
  /// The step size [B] to try next, after a step with this acceptance [B].
  Tensor update(const Tensor& acceptance);
  /// The step size [B] to keep.
  Tensor average() const;

 private:
  real target_;
  int64_t count_ = 0;
  Tensor mu_, error_, log_average_;  // [B]
};

/// Takes `steps` steps that are not to be kept, and leaves each chain the step size at which it accepts `target` of its
/// proposals, as chains.step_size; the sampler's own is the first one tried. For Mala and Hmc. Throws as advance.
template <Sampler S>
requires requires(const S& sampler) { sampler.step_size; }
void warm_up(const S& sampler, real target, const Energy& energy, Chains& chains, int64_t steps, Noise& noise) {
  const Pause pause;
  sampler.check();
  detail::check_count("steps", steps);
  if (steps == 0) return;
  detail::begin(chains);
  chains.step_size = chains.step_or(sampler.step_size);
  DualAveraging adaptation(chains.step_size, target);
  for (int64_t k = 0; k < steps; ++k) {
    detail::go_on(sampler, energy, chains, 1, noise);
    if (!chains.acceptance) throw std::invalid_argument("[adapt] the sampler reports no acceptance to adapt to");
    chains.step_size = adaptation.update(chains.acceptance);
  }
  chains.step_size = adaptation.average();
}

}  // namespace erg
