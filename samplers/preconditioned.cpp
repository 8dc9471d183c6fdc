#include "preconditioned.h"

#include <cmath>
#include <string>

#include "../engine/ops.h"

namespace erg {

void Preconditioned::check() const {
  if (!(eta > 0) || !std::isfinite(eta))
    throw std::invalid_argument("[preconditioned] the step must be positive, got " + std::to_string(eta));
  if (!(decay >= 0 && decay <= 1))
    throw std::invalid_argument("[preconditioned] decay must be in [0,1], got " + std::to_string(decay));
  if (!(lambda > 0))
    throw std::invalid_argument("[preconditioned] lambda must be positive, got " + std::to_string(lambda));
}

void Preconditioned::step(const Energy& energy, Chains& chains, Noise& noise) const {
  chains.evaluate(energy);
  const Tensor& g = chains.gradient;
  if (!chains.mean_square) chains.mean_square = Tensor::ones(chains.x.shape(), chains.x.device());
  chains.mean_square = decay * chains.mean_square + (1 - decay) * square(g);
  const Tensor scale = reciprocal(lambda + sqrt(chains.mean_square));
  const Tensor xi = noise.normal(chains.x.shape(), chains.first);
  chains.move_to(chains.x - eta * scale * g + sqrt(2 * eta * scale) * xi);
}

}  // namespace erg
