#include "lsgan.h"

namespace erg {

Objective Lsgan::objective(const Labels& labels) {
  return {
      .critic = [labels](
                    const Tensor& real,
                    const Tensor& fake) { return (mean(square(real - labels.b)) + mean(square(fake - labels.a))) / 2; },
      .generator = [labels](const Tensor& fake) { return mean(square(fake - labels.c)) / 2; },
      .report = report_scores,
  };
}

Lsgan::Lsgan(Sequential generator, Sequential discriminator, const Options& options, Noise latent)
    : Adversarial({std::move(generator), options.generator_adam},
                  {std::move(discriminator), options.discriminator_adam}, objective(options.labels),
                  {.latent = options.latent, .critic_steps = options.discriminator_steps}, std::move(latent)) {}

}  // namespace erg
