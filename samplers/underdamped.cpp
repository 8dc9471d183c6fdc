#include "underdamped.h"

#include <cmath>
#include <string>

#include "../engine/ops.h"

namespace erg {

void Underdamped::check() const {
  if (!(h > 0) || !std::isfinite(h))
    throw std::invalid_argument("[underdamped] the step must be positive, got " + std::to_string(h));
  if (!(friction > 0) || !std::isfinite(friction))
    throw std::invalid_argument("[underdamped] the friction must be positive, got " + std::to_string(friction));
}

void Underdamped::step(const Energy& energy, Chains& chains, Noise& noise) const {
  const Shape shape = chains.x.shape();
  if (!chains.momentum) chains.momentum = noise.normal(shape, chains.first);
  chains.evaluate(energy);

  const real keep = std::exp(-friction * h), renew = std::sqrt(1 - keep * keep);
  Tensor p = chains.momentum - h / 2 * chains.gradient;      // B: a kick
  Tensor x = chains.x + h / 2 * p;                           // A: a drift
  p = keep * p + renew * noise.normal(shape, chains.first);  // O: friction and noise, solved exactly
  chains.move_to(x + h / 2 * p);                             // A
  chains.evaluate(energy);
  chains.momentum = p - h / 2 * chains.gradient;  // B
}

}  // namespace erg
