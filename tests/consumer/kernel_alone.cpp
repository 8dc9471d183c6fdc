// One kernel without the engine: Langevin steps on E(x) = x^2/2, whose law is N(0, 1).
#include <cmath>
#include <cstdio>
#include <vector>

#include "kernels/update.h"

int main() {
  using namespace erg;
  constexpr int64_t n = 10000;
  constexpr real step = 0.1f;
  std::vector<real> x(n, 3), gradient(n);
  const real infinity = INFINITY;
  const kernels::LangevinUpdate update{step, std::sqrt(2 * step), -infinity, infinity, infinity};
  for (uint32_t t = 0; t < 200; ++t) {
    gradient = x;
    const kernels::NoiseKey key{.seed = 1, .stream = 0, .step = &t};
    kernels::cpu::langevin_({}, update, key, n, gradient.data(), x.data());
  }
  double variance = 0;
  for (const real value : x) variance += double(value) * value / n;
  std::printf("the variance is %.3f\n", variance);  // 1 / (1 - step/2) by the step's own bias
  return std::abs(variance - 1 / (1 - 0.05)) < 0.06 ? 0 : 1;
}
