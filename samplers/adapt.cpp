#include "adapt.h"

#include <cmath>
#include <string>

#include "../engine/ops.h"

namespace erg {

DualAveraging::DualAveraging(const Tensor& start, real target)
    : target_(target),
      mu_(log(10 * start)),  // proposals above the start are tried first: they cost less
      error_(Tensor::zeros(start.shape(), start.device())),
      log_average_(log(start)) {
  if (!(target > 0 && target < 1))
    throw std::invalid_argument("[adapt] the target acceptance must be in (0,1), got " + std::to_string(target));
}

Tensor DualAveraging::update(const Tensor& acceptance) {
  const double gamma = 0.05, delay = 10, kappa = 0.75;  // the paper's, for all its experiments
  const double m = double(++count_), weight = 1 / (m + delay), forget = std::pow(m, -kappa);
  error_ = real(1 - weight) * error_ + real(weight) * (target_ - acceptance);
  const Tensor log_step = mu_ - real(std::sqrt(m) / gamma) * error_;
  log_average_ = real(forget) * log_step + real(1 - forget) * log_average_;
  return exp(log_step);
}

Tensor DualAveraging::average() const { return exp(log_average_); }

}  // namespace erg
