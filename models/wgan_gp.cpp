#include "wgan_gp.h"

namespace erg {

WganGp::WganGp(Sequential generator, Sequential critic, const Options& options, Noise latent)
    : Adversarial({std::move(generator), options.adam}, {std::move(critic), options.adam}, Wgan::objective(),
                  {.latent = options.latent, .critic_steps = options.critic_steps}, std::move(latent)),
      mixing_(latent_.fork("mixing")) {
  objective_.weight = options.penalty;
  objective_.penalty = [mixing = mixing_](Tape& tape, const Energy& f, const Tensor& x, const Tensor& fake) mutable {
    return gradient_penalty(tape, f, between(x, fake, mixing));
  };
}

Metrics WganGp::step(const Batches& next) {
  if (steps_++ > 0) return Adversarial::step(next);
  Metrics metrics;
  for (int k = 0; k < options_.critic_steps; ++k) metrics = step_critic(next());
  return metrics;
}

Tensor WganGp::between(const Tensor& x, const Tensor& fake, Noise& noise) {
  Shape one_per_sample = x.shape();
  for (int i = 1; i < x.rank(); ++i) one_per_sample[i] = 1;
  const Tensor alpha = noise.uniform(one_per_sample);
  return alpha * x + (1 - alpha) * fake;
}

Tensor WganGp::gradient_penalty(Tape& tape, const Energy& critic, const Tensor& x) {
  // The small constant keeps the root's slope finite where the gradient vanishes.
  const Tensor norm = sqrt(squared_gradient(tape, critic, x) + real(1e-12));
  return mean(square(norm - 1));
}

void WganGp::visit(Visitor& v) {
  Adversarial::visit(v);
  v.sub("mixing", mixing_);
  v.counter("steps", steps_);
}

}  // namespace erg
