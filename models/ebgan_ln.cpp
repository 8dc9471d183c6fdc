#include "ebgan_ln.h"

#include <stdexcept>

namespace erg {

EbganLn::EbganLn(Sequential generator, LadderNet net, const Options& options, Noise latent)
    : options_(options),
      generator_(std::move(generator)),
      net_(std::move(net)),
      generator_params_(params(generator_)),
      ladder_params_(params(net_)),
      generator_adam_(generator_params_, options.generator_adam),
      ladder_adam_(ladder_params_, options.ladder_adam),
      latent_(std::move(latent)),
      corruption_(latent_.fork("corruption")) {
  if (!(options.margin >= 0))
    throw std::invalid_argument("[ebgan_ln] the margin must not be negative, got " + std::to_string(options.margin));
}

real EbganLn::margin() const {
  if (steps_ >= options_.margin_steps) return 0;
  return options_.margin * real(1 - double(steps_) / double(options_.margin_steps));
}

Metrics EbganLn::step(const LabelledBatches& labelled, const Batches& unlabelled) {
  const Labelled batch = labelled();
  const Tensor x = unlabelled();
  Metrics metrics = step_ladder(batch, x);
  metrics.push_back(step_generator(x.dim(0)));
  ++steps_;
  return metrics;
}

Metrics EbganLn::step_ladder(const Labelled& labelled, const Tensor& x) {
  const real margin_now = margin();
  const Tensor clean = net_.logits(labelled.x, Mode::train);  // for the running statistics
  const Tensor fake = generator_(prior(x.dim(0), latent_), Mode::train);
  Tape tape;
  tape.watch(ladder_params_);
  const Tensor of_class = cross_entropy(net_.corrupted(labelled.x, corruption_).logits, labelled.y);
  const Tensor cost = mean(net_.cost(x, corruption_)), of_fakes = net_.cost(fake, corruption_);
  const Tensor hinge = mean(relu(margin_now - of_fakes));
  ladder_adam_.step(tape.grad(of_class + options_.weight * (cost + hinge), ladder_params_));

  const Pause pause;
  return {{"cross_entropy", of_class.detach()},
          {"cost", cost.detach()},
          {"accuracy", accuracy(clean, labelled.y)},
          {"R(G)", mean(of_fakes)},
          {"margin", Tensor::full({}, margin_now, x.device())}};
}

Metric EbganLn::step_generator(int64_t batch) {
  Tape tape;
  tape.watch(generator_params_);
  const Tensor loss = mean(net_.cost(generator_(prior(batch, latent_), Mode::train), corruption_));
  generator_adam_.step(tape.grad(loss, generator_params_));
  return {"loss_g", loss.detach()};
}

void EbganLn::set_rate(real rate) {
  generator_adam_.set_rate(rate * options_.generator_adam.rate / options_.ladder_adam.rate);
  ladder_adam_.set_rate(rate);
}

void EbganLn::visit(Visitor& v) {
  v.sub("generator", generator_);
  v.sub("ladder", net_);
  v.sub("generator_adam", generator_adam_);
  v.sub("ladder_adam", ladder_adam_);
  v.sub("latent", latent_);
  v.sub("corruption", corruption_);
  v.counter("steps", steps_);
}

}  // namespace erg
