#include "dot.h"

#include <algorithm>

namespace erg {

namespace {

constexpr int64_t pairs = 100;

/// |x| of each sample, [B]. The small constant gives it a gradient at zero.
Tensor norms(const Tensor& x) { return sqrt(sum_per_sample(square(x)) + real(1e-12)); }

/// g less its part along z, sample by sample.
Tensor tangential_part(const Tensor& g, const Tensor& z) {
  const Tensor along = sum_per_sample(z * g) / (sum_per_sample(square(z)) + real(1e-12));
  return g - z * reshape(along, {z.dim(0), 1});
}

}  // namespace

void Dot::check() const {
  const auto expect = [](bool holds, const std::string& what) {
    if (!holds) throw std::invalid_argument("[dot] " + what);
  };
  expect(updates >= 0, "updates must not be negative, got " + std::to_string(updates));
  expect(rate > 0, "rate must be positive, got " + std::to_string(rate));
  expect(lipschitz >= 0, "lipschitz must not be negative, got " + std::to_string(lipschitz));
  expect(low <= high, "low must not exceed high, got " + std::to_string(low) + " and " + std::to_string(high));
  expect(!tangential || space == Space::latent, "the tangent of a sphere is for latent space alone");
}

Energy Dot::objective(const Energy& critic, const Tensor& y, real lipschitz) {
  return [=](const Tensor& x) { return norms(x - y + real(0.001)) - critic(x) / lipschitz; };
}

Tensor Dot::transport(const Energy& critic, const Tensor& y, real lipschitz) const {
  const Energy cost = objective(critic, y, lipschitz);
  Tensor x = y;
  for (int64_t k = 0; k < updates; ++k) {
    const Tensor gradient = energy_and_gradient(cost, x).gradient;
    x = clamp(x - rate * (tangential ? tangential_part(gradient, x) : gradient), low, high);
  }
  return x;
}

real Dot::slope(const Energy& critic, const Tensor& a, const Tensor& b) {
  const auto slopes = (abs(critic(a) - critic(b)) / norms(a - b)).to_host();
  for (const real value : slopes)
    if (!std::isfinite(value))
      throw std::invalid_argument("[dot] the critic's slope between two samples is " + std::to_string(value) +
                                  "; expected finite scores");
  return *std::max_element(slopes.begin(), slopes.end());
}

Refined Dot::sample(const GanView& gan, int64_t count, Noise& noise) const {
  check();
  check_gradient(gan, "dot");
  const Pause pause;
  const bool in_latents = space == Space::latent;
  const Energy critic = in_latents ? Energy([&](const Tensor& z) { return gan.latent_logit(z); }) : Energy(gan.logit);
  const auto draw = [&](int64_t n) {
    const Tensor z = gan.prior(n, noise);
    return in_latents ? z : gan.generate(z);
  };
  real k = lipschitz;
  if (k == 0) {
    const Tensor a = draw(pairs), b = draw(pairs);
    k = slope(critic, a, b);
    if (k == 0) k = 1;  // a flat critic moves nothing
  }
  const Tensor moved = transport(critic, draw(count), k);
  return {.samples = in_latents ? gan.generate(moved) : moved, .calls = in_latents ? double(updates + 1) : 1};
}

}  // namespace erg
