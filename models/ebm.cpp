#include "ebm.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

namespace erg {

namespace {

std::variant<Adam, Sgd> optimiser_of(const std::vector<Tensor>& params, const Ebm::Options& options) {
  if (options.sgd) return Sgd(params, *options.sgd);
  return Adam(params, options.adam);
}

/// |grad_x E(x)|, the mean over samples.
Tensor mean_gradient_norm(const Energy& energy, const Tensor& x) {
  return mean(sqrt(sum_per_sample(square(energy_and_gradient(energy, x).gradient))));
}

}  // namespace

Ebm::Ebm(Sequential net, const Options& options, NegativeSampler sampler, Noise data_noise)
    : options_(options),
      net_(std::move(net)),
      params_(params(net_)),
      optimiser_(optimiser_of(params_, options)),
      sampler_(std::move(sampler)),
      data_noise_(std::move(data_noise)) {}

Tensor Ebm::loss(Loss form, const Tensor& energy_real, const Tensor& energy_fake) {
  switch (form) {
    case Loss::difference: return mean(energy_real) - mean(energy_fake);
    case Loss::logsumexp:
      return mean(energy_real) + sum(logsumexp_per_sample(reshape(-energy_fake, {1, energy_fake.size()})));
    case Loss::softplus: return mean(softplus(energy_real - energy_fake));
  }
  throw std::logic_error("[ebm] unknown loss");
}

Tensor Ebm::last_step(Tape& tape, Sequential net, const LastStep& step, const Tensor& samples) {
  const Tensor start = samples.detach();
  tape.watch(start);
  const Tensor gradient = tape.grad(sum(net(start, Mode::eval)), {start}, Keep::graph)[0];
  const Tensor moved = start - step.drift * clamp(gradient, -step.grad_clip, step.grad_clip);
  for (const Visitor::Entry& weight : entries(net)) *weight.tensor = weight.tensor->detach();  // our handles only
  return mean(net(moved, Mode::eval));
}

Metrics Ebm::step(const Batches& next) {
  Tensor x = next();
  if (options_.data_noise > 0) x = x + options_.data_noise * data_noise_.normal(x.shape());
  const Tensor negative = sampler_(energy(), x);

  Tape tape;
  tape.watch(params_);
  const Tensor energy_real = scores(net_(x, Mode::train)), energy_fake = scores(net_(negative, Mode::train));
  Tensor total = loss(options_.loss, energy_real, energy_fake), kl;
  if (options_.energy_l2 > 0)
    total = total + options_.energy_l2 * (mean(square(energy_real)) + mean(square(energy_fake)));
  if (options_.last_step.weight > 0) {
    kl = last_step(tape, net_, options_.last_step, negative);
    total = total + options_.last_step.weight * kl;
  }
  const std::vector<Tensor> gradients = tape.grad(total, params_);

  const Pause pause;
  const Tensor mean_real = mean(energy_real), mean_fake = mean(energy_fake);
  Metrics metrics{{"E(x)", mean_real}, {"E(x')", mean_fake}, {"gap", mean_real - mean_fake}};
  if (kl) metrics.push_back({"kl", kl.detach()});
  if (options_.watch_gradient) metrics.push_back({"grad(x')", mean_gradient_norm(energy(), negative)});
  std::visit([&](auto& optimiser) { optimiser.step(gradients); }, optimiser_);
  return metrics;
}

void Ebm::set_rate(real rate) {
  std::visit([&](auto& optimiser) { optimiser.set_rate(rate); }, optimiser_);
}

void Ebm::visit(Visitor& v) {
  v.sub("energy", net_);
  std::visit([&](auto& optimiser) { v.sub(options_.sgd ? "sgd" : "adam", optimiser); }, optimiser_);
  v.sub("data_noise", data_noise_);
}

// ---- What to watch

EnergyTrend energy_trend(std::span<const double> differences, std::span<const double> gradients) {
  const size_t n = differences.size();
  if (n < 20) throw std::invalid_argument("[energy_trend] wants 20 differences or more, got " + std::to_string(n));
  if (!gradients.empty() && gradients.size() != n)
    throw std::invalid_argument("[energy_trend] " + std::to_string(n) + " differences, " +
                                std::to_string(gradients.size()) + " gradients");
  const auto finite = [](double value) { return std::isfinite(value); };
  if (!std::all_of(differences.begin(), differences.end(), finite) ||
      !std::all_of(gradients.begin(), gradients.end(), finite))
    return EnergyTrend::exploding;
  const auto half = gradients.begin() + std::ptrdiff_t(gradients.size() / 2);
  if (std::accumulate(half, gradients.end(), 0.0) > 10 * std::accumulate(gradients.begin(), half, 0.0))
    return EnergyTrend::exploding;

  double negative = 0, positive = 0, flips = 0;
  for (size_t i = 0; i < n; ++i) {
    negative += differences[i] < 0;
    positive += differences[i] > 0;
    if (i > 0) flips += differences[i] * differences[i - 1] < 0;
  }
  constexpr double most = 0.9;
  if (negative >= most * double(n)) return EnergyTrend::falling;
  if (positive >= most * double(n)) return EnergyTrend::rising;
  if (flips >= most * double(n - 1)) return EnergyTrend::flipping;
  return EnergyTrend::balanced;
}

const char* describe(EnergyTrend trend) {
  switch (trend) {
    case EnergyTrend::balanced: return "E(x) - E(x') swings around zero: the chains keep up";
    case EnergyTrend::flipping: return "E(x) - E(x') changes sign at every step: lower the rate for long chains";
    case EnergyTrend::falling: return "E(x) - E(x') stays negative: longer chains, or more noise on the data";
    case EnergyTrend::rising: return "E(x) - E(x') stays positive: samples lie below the data; lower the rate";
    case EnergyTrend::exploding: return "the energy's gradient explodes: go back to a checkpoint with a lower rate";
  }
  throw std::logic_error("[ebm] unknown trend");
}

}  // namespace erg
