#include "sngan.h"

namespace erg {

Objective Sngan::objective() {
  return {
      .critic = [](const Tensor& real, const Tensor& fake) { return mean(relu(1 - real)) + mean(relu(1 + fake)); },
      .generator = [](const Tensor& fake) { return -mean(fake); },
      .report = report_scores,
  };
}

Sngan::Sngan(Sequential generator, Sequential discriminator, const Options& options, Noise latent)
    : Adversarial({std::move(generator), options.adam}, {std::move(discriminator), options.adam}, objective(),
                  {.latent = options.latent, .critic_steps = options.discriminator_steps}, std::move(latent)) {}

}  // namespace erg
