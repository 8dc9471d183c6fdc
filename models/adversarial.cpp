#include "adversarial.h"

#include <cmath>
#include <stdexcept>

namespace erg {

Tensor squared_gradient(Tape& tape, const Energy& f, const Tensor& x) {
  tape.watch(x);
  return squared_gradient(tape, f(x), x);
}

Tensor squared_gradient(Tape& tape, const Tensor& values, const Tensor& x) {
  // Samples do not see each other, so the gradient of the sum is each one's own gradient.
  return sum_per_sample(square(tape.grad(sum(values), {x}, Keep::graph)[0]));
}

Metrics report_scores(const Tensor& loss, const Tensor& real, const Tensor& fake) {
  return {{"loss_d", loss}, {"d(x)", mean(real)}, {"d(G)", mean(fake)}};
}

// ---- Players

Player::Player(Network net, const Adam::Options& options)
    : net_(std::move(net)),
      params_(erg::params(net_)),
      optimiser_(Adam(params_, options)),
      rate_(options.rate),
      bound_(std::numeric_limits<real>::infinity()) {}

Player::Player(Network net, const RmsProp::Options& options, real bound)
    : net_(std::move(net)),
      params_(erg::params(net_)),
      optimiser_(RmsProp(params_, options)),
      rate_(options.rate),
      bound_(bound) {}

void Player::descend(Tape& tape, const Tensor& loss) {
  const std::vector<Tensor> gradients = tape.grad(loss, params_);
  std::visit([&](auto& optimiser) { optimiser.step(gradients); }, optimiser_);
  if (std::isfinite(bound_)) std::get<RmsProp>(optimiser_).clip_params(bound_);
}

void Player::set_rate(real rate) {
  rate_ = rate;
  std::visit([&](auto& optimiser) { optimiser.set_rate(rate); }, optimiser_);
}

void Player::visit(Visitor& v, const std::string& name) {
  v.sub(name, net_);
  const char* kind = std::holds_alternative<Adam>(optimiser_) ? "_adam" : "_rmsprop";
  std::visit([&](auto& optimiser) { v.sub(name + kind, optimiser); }, optimiser_);
}

// ---- The game

Adversarial::Adversarial(Player generator, Player critic, Objective objective, const Options& options, Noise latent)
    : options_(options),
      generator_(std::move(generator)),
      critic_(std::move(critic)),
      rate_ratio_(critic_.rate() / generator_.rate()),
      objective_(std::move(objective)),
      latent_(std::move(latent)) {
  if (options.critic_steps < 1)
    throw std::invalid_argument("[adversarial] critic_steps must be at least 1, got " +
                                std::to_string(options.critic_steps));
}

Metrics Adversarial::step(const Batches& next) {
  Metrics metrics;
  int64_t batch = 0;
  for (int k = 0; k < options_.critic_steps; ++k) {
    const Tensor x = next();
    batch = x.dim(0);
    metrics = step_critic(x);
  }
  metrics.push_back(step_generator(batch));
  return metrics;
}

Metrics Adversarial::step_critic(const Tensor& x) {
  const Tensor fake = fresh_fakes(x.dim(0));  // nobody records: to the critic it is a constant
  Tape tape;
  tape.watch(critic_.params());
  const Tensor real_score = training_logit(x), fake_score = training_logit(fake);
  const Tensor loss = objective_.critic(real_score, fake_score);
  Tensor penalty;
  if (objective_.penalty) {
    const Energy critic = [this](const Tensor& samples) { return training_logit(samples); };
    penalty = objective_.penalty(tape, critic, x, fake);
  }
  critic_.descend(tape, penalty ? loss + objective_.weight * penalty : loss);

  const Pause pause;
  Metrics metrics = objective_.report(loss.detach(), real_score, fake_score);
  if (penalty) metrics.push_back({"penalty", penalty.detach()});
  return metrics;
}

Metric Adversarial::step_generator(int64_t batch) {
  Tape tape;
  tape.watch(generator_.params());
  const Tensor loss = objective_.generator(training_logit(fresh_fakes(batch)));
  generator_.descend(tape, loss);
  return {"loss_g", loss.detach()};
}

void Adversarial::set_rate(real rate) {
  generator_.set_rate(rate);
  critic_.set_rate(rate_ratio_ * rate);
}

Tensor Adversarial::prior(int64_t count, Noise& noise) const {
  const Shape shape{count, options_.latent};
  return options_.prior == Prior::normal ? noise.normal(shape) : noise.uniform(shape, -1, 1);
}

void Adversarial::visit(Visitor& v) {
  generator_.visit(v, "generator");
  critic_.visit(v, "critic");
  v.sub("latent", latent_);
}

}  // namespace erg
