#include "modes.h"

#include <cmath>
#include <limits>

namespace erg::tools {

ModeCount count_modes(const Mixture& mixture, const Tensor& samples, double radius) {
  const std::vector<real> points = samples.to_host();
  const size_t n = points.size() / 2;
  std::vector<bool> found(mixture.centres.size(), false);
  int64_t good = 0;
  for (size_t i = 0; i < n; ++i) {
    size_t nearest = 0;
    double best = std::numeric_limits<double>::infinity();
    for (size_t m = 0; m < mixture.centres.size(); ++m) {
      const double distance =
          std::hypot(points[2 * i] - mixture.centres[m][0], points[2 * i + 1] - mixture.centres[m][1]);
      if (distance < best) {
        best = distance;
        nearest = m;
      }
    }
    if (best < radius * mixture.deviation) {
      ++good;
      found[nearest] = true;
    }
  }
  ModeCount count{.total = int(found.size())};
  for (bool f : found) count.found += f;
  count.high_quality = n ? double(good) / double(n) : 0;
  return count;
}

}  // namespace erg::tools
