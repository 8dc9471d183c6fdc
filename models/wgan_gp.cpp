#include "wgan_gp.h"

#include <stdexcept>

namespace erg {

WganGp::WganGp(Sequential generator, Sequential critic, const Options& options, Noise latent)
    : options_(options),
      generator_(std::move(generator)),
      critic_(std::move(critic)),
      generator_params_(params(generator_)),
      critic_params_(params(critic_)),
      generator_adam_(generator_params_, options.adam),
      critic_adam_(critic_params_, options.adam),
      latent_(std::move(latent)),
      mixing_(latent_.fork("mixing")) {
  if (options.critic_steps < 1)
    throw std::invalid_argument("[wgan-gp] critic_steps must be at least 1, got " +
                                std::to_string(options.critic_steps));
}

Tensor WganGp::gradient_penalty(Tape& tape, const Energy& critic, const Tensor& x) {
  tape.watch(x);
  const Tensor gradient = tape.grad(sum(critic(x)), {x}, Keep::graph)[0];
  // The small constant keeps the root's slope finite where the gradient vanishes.
  const Tensor norm = sqrt(sum_per_sample(square(gradient)) + real(1e-12));
  return mean(square(norm - 1));
}

Metrics WganGp::step(const Batches& next) {
  const auto f = [&](const Tensor& x) { return scores(critic_(x, Mode::train)); };

  Tensor distance, penalty;
  int64_t batch = 0;
  for (int k = 0; k < options_.critic_steps; ++k) {
    const Tensor x = next();
    batch = x.dim(0);
    Tape tape;
    tape.watch(critic_params_);
    const Tensor fake = generator_(prior(batch, latent_), Mode::train);
    Shape one_per_sample = x.shape();
    for (int i = 1; i < x.rank(); ++i) one_per_sample[i] = 1;
    const Tensor alpha = mixing_.uniform(one_per_sample);
    const Tensor between = alpha * x + (1 - alpha) * fake;

    distance = mean(f(x)) - mean(f(fake));  // the critic's estimate of the Wasserstein distance
    penalty = gradient_penalty(tape, f, between);
    critic_adam_.step(tape.grad(options_.penalty * penalty - distance, critic_params_));
  }

  Metrics metrics{{"distance", distance.detach()}, {"penalty", penalty.detach()}};
  if (steps_++ == 0) return metrics;

  Tape tape;
  tape.watch(generator_params_);
  const Tensor loss_g = -mean(f(generator_(prior(batch, latent_), Mode::train)));
  generator_adam_.step(tape.grad(loss_g, generator_params_));
  metrics.push_back({"loss_g", loss_g.detach()});
  return metrics;
}

void WganGp::visit(Visitor& v) {
  v.sub("generator", generator_);
  v.sub("critic", critic_);
  v.sub("generator_adam", generator_adam_);
  v.sub("critic_adam", critic_adam_);
  v.sub("latent", latent_);
  v.sub("mixing", mixing_);
  v.counter("steps", steps_);
}

}  // namespace erg
