#include "jem.h"

namespace erg {

Jem::Jem(Sequential classifier, const Options& options, NegativeSampler sampler, Noise data_noise)
    : options_(options),
      classifier_(std::move(classifier)),
      params_(params(classifier_)),
      adam_(params_, options.adam),
      sampler_(std::move(sampler)),
      data_noise_(std::move(data_noise)) {}

Energy Jem::energy() const {
  return [f = classifier_](const Tensor& x) mutable { return -logsumexp_per_sample(f(x, Mode::eval)); };
}

Energy Jem::energy(const Tensor& y) const {
  return [f = classifier_, y](const Tensor& x) mutable { return -logit_of_class(f(x, Mode::eval), y); };
}

Tensor Jem::noisy(const Tensor& x) {
  return options_.data_noise > 0 ? x + options_.data_noise * data_noise_.normal(x.shape()) : x;
}

Metrics Jem::step(const LabelledBatches& labelled, const Batches& unlabelled) {
  const Labelled batch = labelled();
  return step({noisy(batch.x), batch.y}, noisy(unlabelled()));
}

Metrics Jem::step(const LabelledBatches& labelled) {
  const Labelled batch = labelled();
  const Tensor x = noisy(batch.x);
  return step({x, batch.y}, x);
}

Metrics Jem::step(const Labelled& labelled, const Tensor& unlabelled) {
  const Tensor negative = sampler_(energy(), unlabelled);

  Tape tape;
  tape.watch(params_);
  const Tensor logits = classifier_(labelled.x, Mode::train);
  const Tensor of_class = cross_entropy(logits, labelled.y);
  const Tensor energy_real = -logsumexp_per_sample(classifier_(unlabelled, Mode::train));
  const Tensor energy_fake = -logsumexp_per_sample(classifier_(negative, Mode::train));
  const Tensor gap = Ebm::loss(Ebm::Loss::difference, energy_real, energy_fake);
  const Tensor size = mean(square(energy_real)) + mean(square(energy_fake));
  adam_.step(tape.grad(of_class + options_.weight * gap + options_.energy_l2 * size, params_));

  const Pause pause;
  return {{"cross_entropy", of_class.detach()},
          {"accuracy", accuracy(logits, labelled.y)},
          {"E(x)", mean(energy_real)},
          {"E(x')", mean(energy_fake)},
          {"gap", gap.detach()}};
}

void Jem::visit(Visitor& v) {
  v.sub("classifier", classifier_);
  v.sub("adam", adam_);
  v.sub("data_noise", data_noise_);
}

}  // namespace erg
