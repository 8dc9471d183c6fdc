#include "gan.h"

#include <stdexcept>

namespace erg {

Gan::Gan(Sequential generator, Sequential discriminator, const Options& options, Noise latent)
    : options_(options),
      generator_(std::move(generator)),
      discriminator_(std::move(discriminator)),
      generator_params_(params(generator_)),
      discriminator_params_(params(discriminator_)),
      generator_adam_(generator_params_, options.generator_adam),
      discriminator_adam_(discriminator_params_, options.discriminator_adam),
      latent_(std::move(latent)) {
  if (options.discriminator_steps < 1)
    throw std::invalid_argument("[gan] discriminator_steps must be at least 1, got " +
                                std::to_string(options.discriminator_steps));
}

Metrics Gan::step(const Batches& next) {
  Metrics metrics;
  int64_t batch = 0;
  for (int k = 0; k < options_.discriminator_steps; ++k) {
    const Tensor x = next();
    batch = x.dim(0);
    metrics = step_discriminator(x);
  }
  metrics.push_back(step_generator(batch));
  return metrics;
}

Metrics Gan::step_discriminator(const Tensor& x) {
  const Tensor fake = generator_(prior(x.dim(0), latent_), Mode::train);
  Tape tape;
  tape.watch(discriminator_params_);
  const Tensor real_logit = training_logit(x), fake_logit = training_logit(fake);
  const Tensor loss = mean(softplus(-real_logit)) + mean(softplus(fake_logit));
  discriminator_adam_.step(tape.grad(loss, discriminator_params_));

  const Pause pause;
  return {{"loss_d", loss.detach()}, {"D(x)", mean(sigmoid(real_logit))}, {"D(G)", mean(sigmoid(fake_logit))}};
}

Metric Gan::step_generator(int64_t batch) {
  Tape tape;
  tape.watch(generator_params_);
  const Tensor logit = training_logit(generator_(prior(batch, latent_), Mode::train));
  const Tensor loss =
      options_.generator_loss == GeneratorLoss::minimax ? -mean(softplus(logit)) : mean(softplus(-logit));
  generator_adam_.step(tape.grad(loss, generator_params_));
  return {"loss_g", loss.detach()};
}

void Gan::visit(Visitor& v) {
  v.sub("generator", generator_);
  v.sub("discriminator", discriminator_);
  v.sub("generator_adam", generator_adam_);
  v.sub("discriminator_adam", discriminator_adam_);
  v.sub("latent", latent_);
}

}  // namespace erg
