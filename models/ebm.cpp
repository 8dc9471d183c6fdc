#include "ebm.h"

namespace erg {

Ebm::Ebm(Sequential net, const Options& options, NegativeSampler sampler, Noise data_noise)
    : options_(options),
      net_(std::move(net)),
      params_(params(net_)),
      adam_(params_, options.adam),
      sampler_(std::move(sampler)),
      data_noise_(std::move(data_noise)) {}

Metrics Ebm::step(const Batches& next) {
  Tensor x = next();
  if (options_.data_noise > 0) x = x + options_.data_noise * data_noise_.normal(x.shape());
  const Tensor negative = sampler_(energy(), x.dim(0));

  Tape tape;
  tape.watch(params_);
  const Tensor energy_real = scores(net_(x, Mode::train)), energy_fake = scores(net_(negative, Mode::train));
  const Tensor gap = mean(energy_real) - mean(energy_fake);
  const Tensor size = mean(square(energy_real)) + mean(square(energy_fake));
  adam_.step(tape.grad(gap + options_.energy_l2 * size, params_));

  const Pause pause;
  return {{"E(x)", mean(energy_real)}, {"E(x')", mean(energy_fake)}, {"gap", gap.detach()}};
}

void Ebm::visit(Visitor& v) {
  v.sub("energy", net_);
  v.sub("adam", adam_);
  v.sub("data_noise", data_noise_);
}

}  // namespace erg
