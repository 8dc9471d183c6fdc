#include "gan.h"

namespace erg {

Objective Gan::objective(Loss loss) {
  Objective o;
  o.critic = [](const Tensor& real, const Tensor& fake) { return mean(softplus(-real)) + mean(softplus(fake)); };
  o.generator = [](const Tensor& fake) { return mean(softplus(-fake)); };
  o.report = [](const Tensor& loss, const Tensor& real, const Tensor& fake) -> Metrics {
    return {{"loss_d", loss}, {"D(x)", mean(sigmoid(real))}, {"D(G)", mean(sigmoid(fake))}};
  };
  if (loss == Loss::minimax) o.generator = [](const Tensor& fake) { return -mean(softplus(fake)); };
  if (loss == Loss::energy)
    o.critic = [](const Tensor& real, const Tensor& fake) { return mean(softplus(-real)) - mean(softplus(-fake)); };
  return o;
}

Gan::Gan(Sequential generator, Sequential discriminator, const Options& options, Noise latent)
    : Adversarial({std::move(generator), options.generator_adam},
                  {std::move(discriminator), options.discriminator_adam}, objective(options.loss),
                  {.latent = options.latent, .critic_steps = options.discriminator_steps}, std::move(latent)) {}

}  // namespace erg
