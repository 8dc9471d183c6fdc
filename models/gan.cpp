#include "gan.h"

namespace erg {

Gan::Gan(Sequential generator, Sequential discriminator, const Options& options, Noise latent)
    : options_(options),
      generator_(std::move(generator)),
      discriminator_(std::move(discriminator)),
      generator_params_(params(generator_)),
      discriminator_params_(params(discriminator_)),
      generator_adam_(generator_params_, options.generator_adam),
      discriminator_adam_(discriminator_params_, options.discriminator_adam),
      latent_(std::move(latent)) {}

Metrics Gan::step(const Batches& next) {
  const auto d = [&](const Tensor& x) { return scores(discriminator_(x, Mode::train)); };

  Tensor loss_d, real_logit, fake_logit;
  int64_t batch = 0;
  for (int k = 0; k < options_.discriminator_steps; ++k) {
    const Tensor x = next();
    batch = x.dim(0);
    Tape tape;
    tape.watch(discriminator_params_);
    const Tensor fake = generator_(prior(batch, latent_), Mode::train);  // G is not watched: a constant here
    real_logit = d(x);
    fake_logit = d(fake);
    loss_d = mean(softplus(-real_logit)) + mean(softplus(fake_logit));
    discriminator_adam_.step(tape.grad(loss_d, discriminator_params_));
  }

  Tape tape;
  tape.watch(generator_params_);
  const Tensor logit = d(generator_(prior(batch, latent_), Mode::train));
  const Tensor loss_g = options_.generator_loss == GeneratorLoss::minimax ? -mean(softplus(logit)) : mean(softplus(-logit));
  generator_adam_.step(tape.grad(loss_g, generator_params_));

  const Pause pause;
  return {{"loss_d", loss_d.detach()},
          {"loss_g", loss_g.detach()},
          {"D(x)", mean(sigmoid(real_logit))},
          {"D(G)", mean(sigmoid(fake_logit))}};
}

void Gan::visit(Visitor& v) {
  v.sub("generator", generator_);
  v.sub("discriminator", discriminator_);
  v.sub("generator_adam", generator_adam_);
  v.sub("discriminator_adam", discriminator_adam_);
  v.sub("latent", latent_);
}

}  // namespace erg
