// An energy of one's own, sampled by Langevin dynamics; and what an error looks like.
#include <cmath>
#include <cstdio>

#include "erg.h"

int main() {
  using namespace erg;
  const Energy double_well = [](const Tensor& x) { return sum_per_sample(square(square(x) - 1)) * real(4); };
  Noise noise(1, "example");
  const Tensor x = run(Langevin::exact(real(0.01)), double_well, noise.normal({1000, 2}), 500, noise);
  const double distance = mean(square(x)).item();  // of the wells: 1
  std::printf("the mean square is %.2f\n", distance);
  try {
    matmul(x, x);
  } catch (const std::invalid_argument& error) {
    std::printf("%s\n", error.what());
    return std::abs(distance - 1) < 0.2 ? 0 : 1;
  }
  return 1;
}
