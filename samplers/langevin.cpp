#include "langevin.h"

#include <cmath>
#include <stdexcept>
#include <string>

#include "../engine/ops.h"
#include "../engine/tape.h"
#include "../kernels/update.h"

namespace erg {

Langevin Langevin::exact(real eta, int steps) { return {.drift = eta, .noise = std::sqrt(2 * eta), .steps = steps}; }

Langevin Langevin::ddls(real epsilon, int steps) {
  return {.drift = epsilon / 2, .noise = std::sqrt(epsilon), .steps = steps};
}

Langevin Langevin::tempered(real step, real noise, int steps) {
  return {.drift = step, .noise = noise, .steps = steps};
}

Langevin Langevin::igebm(int steps) {
  return {.drift = 10,
          .noise = real(0.005),
          .steps = steps,
          .low = 0,
          .high = 1,
          .grad_clip = real(0.01),
          .noise_first = true};
}

Tensor Langevin::operator()(const Energy& energy, const Tensor& start, Noise& source) const {
  if (!(drift > 0)) throw std::invalid_argument("[langevin] the step must be positive, got " + std::to_string(drift));
  if (steps < 0)
    throw std::invalid_argument("[langevin] the number of steps must not be negative, got " + std::to_string(steps));

  const Pause pause;  // a chain is a constant to whoever trains on it
  Tensor x = start.clone();
  const kernels::LangevinUpdate step{drift, noise_first ? 0 : noise, low, high, grad_clip};
  for (int k = 0; k < steps; ++k) {
    if (noise_first) x = x + noise * source.normal(x.shape());
    const Tensor gradient = energy_and_gradient(energy, x).gradient;
    kernels::langevin_(stream_of(x), step, source.key(), x.size(), gradient.data(), x.mutate());
    if (step.noise != 0) source.advance();
  }
  return x;
}

}  // namespace erg
