#include "kernel_distance.h"

#include <algorithm>
#include <cmath>

#include "../../engine/ops.h"
#include "features.h"

namespace erg::tools {

namespace {

/// The sum of (x.y/d + 1)^3 over all pairs of a row of a and one of b; without the pairs of equal index if they are the
/// same set.
double kernel_sum(const Tensor& a, const Tensor& b, bool without_diagonal) {
  const std::vector<real> products = matmul(a, b, false, true).to_host();
  const auto rows = size_t(a.dim(0)), columns = size_t(b.dim(0));
  double sum = 0;
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < columns; ++j) {
      if (without_diagonal && i == j) continue;
      const double k = products[i * columns + j] / double(a.dim(1)) + 1;
      sum += k * k * k;
    }
  return sum;
}

}  // namespace

double squared_mmd(const Tensor& a, const Tensor& b) {
  check_features("squared_mmd", a, b, 2);
  const auto n = double(a.dim(0)), m = double(b.dim(0));
  return kernel_sum(a, a, true) / (n * (n - 1)) + kernel_sum(b, b, true) / (m * (m - 1)) -
         2 * kernel_sum(a, b, false) / (n * m);
}

KernelDistance kernel_distance(const Tensor& a, const Tensor& b, Noise noise, const KernelOptions& options) {
  check_features("kernel_distance", a, b, 2);
  if (options.subsets < 1 || options.size < 2)
    throw std::invalid_argument("[kernel_distance] wants at least a subset of two");
  const Tensor x = a.to(cpu_device), y = b.to(cpu_device);
  const int64_t size = std::min({options.size, x.dim(0), y.dim(0)});
  double sum = 0, squares = 0;
  for (int i = 0; i < options.subsets; ++i) {
    const Tensor of_x = random_rows(x, size, noise), of_y = random_rows(y, size, noise);
    const double distance = squared_mmd(of_x, of_y);
    sum += distance;
    squares += distance * distance;
  }
  const double mean = sum / options.subsets;
  return {mean, std::sqrt(std::max(0.0, squares / options.subsets - mean * mean))};
}

}  // namespace erg::tools
