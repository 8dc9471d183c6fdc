#include "unrolled.h"

#include <stdexcept>

namespace erg {

Unrolled::Unrolled(Sequential generator, Sequential discriminator, const Options& options, Noise latent)
    : Gan(std::move(generator), discriminator,
          {.latent = options.latent,
           .loss = Loss::minimax,
           .generator_adam = options.generator_adam,
           .discriminator_adam = options.discriminator_adam},
          std::move(latent)),
      discriminator_(std::move(discriminator)),
      unrolled_steps_(options.steps),
      unrolled_rate_(options.rate) {
  if (options.steps < 0)
    throw std::invalid_argument("[unrolled] steps must not be negative, got " + std::to_string(options.steps));
  for (const Visitor::Entry& e : entries(discriminator_))
    if (!e.trained)
      throw std::invalid_argument("[unrolled] the discriminator has a buffer, '" + e.name +
                                  "'; build it without batch norm and spectral norm");
}

Tensor Unrolled::surrogate(Tape& tape, const Tensor& x, const Tensor& fake) const {
  Sequential d = discriminator_;  // its own handles of the same weights, replaced by those of theta^k below
  const auto loss = [&] {
    const Tensor real_score = scores(d(x, Mode::train)), fake_score = scores(d(fake, Mode::train));
    return objective_.critic(real_score, fake_score);
  };
  for (int k = 0; k < unrolled_steps_; ++k) {
    const std::vector<Tensor> gradient = tape.grad(loss(), params(d), Keep::graph);
    size_t i = 0;
    for (const Visitor::Entry& theta : entries(d)) {
      *theta.tensor = *theta.tensor - unrolled_rate_ * gradient[i];
      ++i;
    }
  }
  return -loss();  // the discriminator descends -f
}

Metrics Unrolled::step(const Batches& next) {
  const Tensor x = next();
  Metrics metrics = step_critic(x);

  Tape tape;
  tape.watch(generator_.params());
  tape.watch(critic_.params());
  const Tensor loss = surrogate(tape, x, fresh_fakes(x.dim(0)));
  generator_.descend(tape, loss);
  metrics.push_back({"loss_g", loss.detach()});
  return metrics;
}

}  // namespace erg
