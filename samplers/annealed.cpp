#include "annealed.h"

#include <cmath>
#include <string>

namespace erg {

std::vector<Langevin> temperature_ladder(real eta, real hottest, int levels) {
  if (levels < 1) throw std::invalid_argument("[annealed] wants at least one level, got " + std::to_string(levels));
  std::vector<real> temperatures;
  for (int i = levels; i-- > 0;) temperatures.push_back(std::pow(hottest, real(i) / real(std::max(1, levels - 1))));
  return temperature_ladder(eta, temperatures);
}

std::vector<Langevin> temperature_ladder(real eta, const std::vector<real>& temperatures) {
  if (!(eta > 0)) throw std::invalid_argument("[annealed] the step must be positive, got " + std::to_string(eta));
  if (temperatures.empty()) throw std::invalid_argument("[annealed] wants at least one temperature");
  std::vector<Langevin> ladder;
  for (const real t : temperatures) {
    if (!(t > 0) || !std::isfinite(t))
      throw std::invalid_argument("[annealed] temperatures must be positive, got " + std::to_string(t));
    ladder.push_back(Langevin::tempered(eta, std::sqrt(2 * eta * t)));
  }
  return ladder;
}

std::vector<Langevin> noise_ladder(real epsilon, const std::vector<real>& sigmas) {
  if (!(epsilon > 0))
    throw std::invalid_argument("[annealed] epsilon must be positive, got " + std::to_string(epsilon));
  if (sigmas.empty()) throw std::invalid_argument("[annealed] wants at least one noise level");
  std::vector<Langevin> ladder;
  for (const real sigma : sigmas) {
    if (!(sigma > 0))
      throw std::invalid_argument("[annealed] noise levels must be positive, got " + std::to_string(sigma));
    const real ratio = sigma / sigmas.back();
    ladder.push_back(Langevin::ddls(epsilon * ratio * ratio));
  }
  return ladder;
}

void Annealed::check() const {
  if (levels.empty()) throw std::invalid_argument("[annealed] wants at least one level");
  if (steps_per_level < 1)
    throw std::invalid_argument("[annealed] wants at least one step a level, got " + std::to_string(steps_per_level));
  for (const Langevin& level : levels) level.check();
}

void Annealed::step(const Energy& energy, Chains& chains, Noise& noise) const {
  const size_t level = std::min(size_t(chains.steps / steps_per_level), levels.size() - 1);
  levels[level].step(energy, chains, noise);
}

Tensor anneal(const std::vector<Langevin>& levels, const std::function<Energy(size_t level)>& energy_of,
              const Tensor& x, int64_t steps, Noise& noise) {
  Tensor moved = x;
  for (size_t i = 0; i < levels.size(); ++i) moved = run(levels[i], energy_of(i), moved, steps, noise);
  return moved;
}

}  // namespace erg
