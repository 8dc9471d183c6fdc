#include "calibration.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

namespace erg::tools {

Calibration calibration(const Tensor& real_logits, const Tensor& fake_logits, int bins) {
  if (real_logits.size() == 0 || fake_logits.size() == 0 || bins < 1)
    throw std::invalid_argument("[calibration] wants logits of both kinds and a bin at least, got " +
                                to_string(real_logits.shape()) + ", " + to_string(fake_logits.shape()) + " and " +
                                std::to_string(bins) + " bins");
  double surplus = 0, variance = 0, squares = 0;
  std::vector<double> bin_surplus(size_t(bins), 0);  // sum of y - D
  const auto add = [&](const Tensor& logits, double y) {
    for (const double logit : logits.to_host()) {
      const double d = 1 / (1 + std::exp(-logit)), not_d = 1 / (1 + std::exp(logit));
      const double error = y == 1 ? not_d : -d;
      surplus += error;
      variance += d * not_d;
      squares += error * error;
      bin_surplus[size_t(std::min(int(d * bins), bins - 1))] += error;
    }
  };
  add(real_logits, 1);
  add(fake_logits, 0);

  const auto count = double(real_logits.size() + fake_logits.size());
  double ece = 0;
  for (double s : bin_surplus) ece += std::abs(s) / count;
  return {.z = surplus / std::sqrt(variance), .ece = ece, .brier = squares / count};
}

}  // namespace erg::tools
