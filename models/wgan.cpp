#include "wgan.h"

#include <stdexcept>

namespace erg {

Objective Wgan::objective() {
  return {
      .critic = [](const Tensor& real, const Tensor& fake) { return mean(fake) - mean(real); },
      .generator = [](const Tensor& fake) { return -mean(fake); },
      .report = [](const Tensor& loss, const Tensor&, const Tensor&) -> Metrics {
        return {{"distance", -loss}};
      },
  };
}

Wgan::Wgan(Sequential generator, Sequential critic, const Options& options, Noise latent)
    : Adversarial({std::move(generator), options.rmsprop}, {std::move(critic), options.rmsprop, options.clip},
                  objective(), {.latent = options.latent, .critic_steps = options.critic_steps}, std::move(latent)) {
  if (!(options.clip > 0))
    throw std::invalid_argument("[wgan] clip must be positive, got " + std::to_string(options.clip));
}

}  // namespace erg
