#include "ddgm.h"

#include <numbers>
#include <stdexcept>

namespace erg {

ProductOfExperts::ProductOfExperts(Sequential features, Linear experts, int64_t elements, real variance)
    : features(std::move(features)),
      experts(std::move(experts)),
      bias(Tensor::zeros({elements}, this->experts.weight.device())),
      variance(variance) {
  if (!(variance > 0))
    throw std::invalid_argument("[product of experts] variance must be positive, got " + std::to_string(variance));
}

Tensor ProductOfExperts::operator()(const Tensor& x, Mode mode) {
  const Tensor flat = flatten(x);
  const Tensor gaussian = sum_per_sample(square(flat)) / variance - sum_per_sample(bias * flat);
  const Tensor products = sum_per_sample(softplus(experts(features(x, mode), mode)));
  return reshape(gaussian - products, {x.dim(0), 1});
}

void ProductOfExperts::visit(Visitor& v) {
  v.sub("features", features);
  v.sub("experts", experts);
  v.param("bias", bias);
}

Tensor Ddgm::entropy(const Sequential& generator) {
  constexpr real two_pi_e = real(2 * std::numbers::pi * std::numbers::e);
  Tensor total;
  for (const Layer& layer : generator.layers)
    if (const auto* norm = std::get_if<BatchNorm>(&layer)) {
      // The small constant keeps the logarithm finite where a scale vanishes.
      const Tensor part = sum(log(two_pi_e * square(norm->gamma) + real(1e-8))) / 2;
      total = total ? total + part : part;
    }
  if (!total)
    throw std::invalid_argument("[ddgm] the generator has no batch norm, of whose scales its entropy is made");
  return total;
}

Ddgm::Ddgm(Sequential generator, ProductOfExperts energy, const Options& options, Noise latent)
    : Adversarial({generator, options.generator_adam}, {std::move(energy), options.energy_adam},
                  {.critic = [](const Tensor& real, const Tensor& fake) { return mean(real) - mean(fake); },
                   .generator = [generator, weight = options.entropy](
                                    const Tensor& fake) { return mean(fake) - weight * entropy(generator); },
                   .report = [](const Tensor& gap, const Tensor& real, const Tensor& fake) -> Metrics {
                     return {{"E(x)", mean(real)}, {"E(G)", mean(fake)}, {"gap", gap}};
                   }},
                  {.latent = options.latent, .prior = Prior::uniform}, std::move(latent)) {
  entropy(generator);  // says so now if there is none
  if (options.penalty > 0) {
    objective_.weight = options.penalty;
    objective_.penalty = [](Tape& tape, const Energy& energy, const Tensor& x, const Tensor&) {
      return mean(squared_gradient(tape, energy, x));
    };
  }
}

}  // namespace erg
