#include "ladder.h"

#include <cmath>
#include <stdexcept>

namespace erg {

// ---- A rung

LadderCurve::LadderCurve(int64_t units, Device device)
    : a(Tensor::zeros({units}, device)),
      b(Tensor::ones({units}, device)),
      c(Tensor::zeros({units}, device)),
      d(Tensor::zeros({units}, device)),
      e(Tensor::zeros({units}, device)) {}

Tensor LadderCurve::operator()(const Tensor& u) const { return a * sigmoid(b * u + c) + d * u + e; }

void LadderCurve::visit(Visitor& v) {
  v.param("a", a);
  v.param("b", b);
  v.param("c", c);
  v.param("d", d);
  v.param("e", e);
}

Tensor Combinator::operator()(const Tensor& z, const Tensor& u) const {
  const Tensor mu = mean(u);
  return (z - mu) * variance(u) + mu;
}

void Combinator::visit(Visitor& v) {
  v.sub("mean", mean);
  v.sub("variance", variance);
}

// ---- The network

namespace {

constexpr real epsilon = real(1e-10);

/// Batch norm without scale and shift, with the batch's statistics: [B,units].
Tensor standardised(const Tensor& x) {
  const Shape units{x.dim(1)};
  return batch_norm(x, Tensor::ones(units, x.device()), Tensor::zeros(units, x.device()), epsilon).y;
}

}  // namespace

LadderNet::LadderNet(const std::vector<int64_t>& sizes, real noise_deviation, Noise& weights)
    : noise_deviation_(noise_deviation) {
  if (sizes.size() < 2) throw std::invalid_argument("[ladder] wants the elements of a sample and a number of classes");
  if (!(noise_deviation >= 0))
    throw std::invalid_argument("[ladder] the noise must not be negative, got " + std::to_string(noise_deviation));
  const Device device = weights.device();
  for (size_t l = 1; l < sizes.size(); ++l) {
    const int64_t in = sizes[l - 1], out = sizes[l];
    weights_.push_back(weights.normal({in, out}) / std::sqrt(real(in)));
    back_.push_back(weights.normal({out, in}) / std::sqrt(real(out)));
    shifts_.push_back(Tensor::zeros({out}, device));
    norms_.emplace_back(out, weights).epsilon = epsilon;
  }
  scale_ = Tensor::ones({sizes.back()}, device);
  for (const int64_t size : sizes) combinators_.emplace_back(size, device);
}

Tensor LadderNet::activation(size_t layer, const Tensor& z) const {
  const Tensor shifted = z + shifts_[layer - 1];
  return layer == weights_.size() ? shifted * scale_ : relu(shifted);
}

LadderNet::Pass LadderNet::corrupted(const Tensor& x, Noise& noise) const {
  const auto corrupt = [&](const Tensor& z) {
    return noise_deviation_ > 0 ? z + noise_deviation_ * noise.normal(z.shape()) : z;
  };
  Pass pass;
  pass.noisy = {corrupt(flatten(x))};
  Tensor h = pass.noisy[0];
  for (size_t l = 1; l <= weights_.size(); ++l) {
    pass.noisy.push_back(corrupt(standardised(matmul(h, weights_[l - 1]))));
    h = activation(l, pass.noisy[l]);
  }
  pass.logits = h;
  return pass;
}

Tensor LadderNet::reconstruct(const Pass& pass) const {
  const size_t top = weights_.size();
  Tensor estimate = combinators_[top](pass.noisy[top], standardised(softmax(pass.logits)));
  for (size_t l = top; l-- > 0;) estimate = combinators_[l](pass.noisy[l], standardised(matmul(estimate, back_[l])));
  return estimate;
}

Tensor LadderNet::cost(const Tensor& x, Noise& noise) const {
  const Tensor difference = reconstruct(corrupted(x, noise)) - flatten(x);
  return sum_per_sample(square(difference)) / real(difference.dim(1));
}

Tensor LadderNet::logits(const Tensor& x, Mode mode) {
  Tensor h = flatten(x);
  for (size_t l = 1; l <= weights_.size(); ++l) h = activation(l, norms_[l - 1](matmul(h, weights_[l - 1]), mode));
  return h;
}

void LadderNet::visit(Visitor& v) {
  for (size_t l = 0; l < weights_.size(); ++l) {
    const std::string number = std::to_string(l + 1);
    v.param("encoder." + number + ".weight", weights_[l], Layout::weight);
    v.param("encoder." + number + ".bias", shifts_[l]);
    v.buffer("encoder." + number + ".running_mean", norms_[l].running_mean);
    v.buffer("encoder." + number + ".running_var", norms_[l].running_var);
    v.param("decoder." + number + ".weight", back_[l], Layout::weight);
  }
  v.param("scale", scale_);
  for (size_t l = 0; l < combinators_.size(); ++l) v.sub("combinator." + std::to_string(l), combinators_[l]);
}

// ---- The system

Ladder::Ladder(LadderNet net, const Options& options, Noise corruption)
    : options_(options),
      net_(std::move(net)),
      params_(params(net_)),
      adam_(params_, options.adam),
      corruption_(std::move(corruption)) {}

Metrics Ladder::step(const LabelledBatches& labelled, const Batches& unlabelled) {
  const Labelled batch = labelled();
  const Tensor x = unlabelled();
  const Tensor clean = net_.logits(batch.x, Mode::train);  // for the running statistics
  Tape tape;
  tape.watch(params_);
  const Tensor of_class = cross_entropy(net_.corrupted(batch.x, corruption_).logits, batch.y);
  const Tensor cost = mean(net_.cost(x, corruption_));
  adam_.step(tape.grad(of_class + options_.weight * cost, params_));
  return {{"cross_entropy", of_class.detach()}, {"cost", cost.detach()}, {"accuracy", accuracy(clean, batch.y)}};
}

void Ladder::visit(Visitor& v) {
  v.sub("net", net_);
  v.sub("adam", adam_);
  v.sub("corruption", corruption_);
}

}  // namespace erg
