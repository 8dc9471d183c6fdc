#include "neighbours.h"

#include <algorithm>
#include <limits>

#include "../../engine/ops.h"
#include "features.h"

namespace erg::tools {

namespace {

Tensor squared_norms(const Tensor& x) { return sum_per_sample(square(x)); }

/// Calls visit(i, distances) for every row i of a, with its squared distances to all rows of b.
template <class Visit>
void for_each_row(const Tensor& a, const Tensor& b, const Visit& visit) {
  const Tensor b_norms = squared_norms(b);
  const int64_t block = std::max<int64_t>(1, (int64_t(1) << 23) / b.dim(0));
  for (int64_t first = 0; first < a.dim(0); first += block) {
    const Tensor rows = slice(a, 0, first, std::min(a.dim(0), first + block));
    const Tensor norms = reshape(squared_norms(rows), {rows.dim(0), 1});
    const std::vector<real> distances = (norms + b_norms - 2 * matmul(rows, b, false, true)).to_host();
    for (int64_t i = 0; i < rows.dim(0); ++i) visit(first + i, &distances[size_t(i * b.dim(0))]);
  }
}

/// The squared distance of each row to its k-th nearest other row.
std::vector<real> squared_radii(const Tensor& x, int k) {
  const auto n = size_t(x.dim(0));
  std::vector<real> radii(n), others;
  for_each_row(x, x, [&](int64_t row, const real* distances) {
    others.assign(distances, distances + n);
    others[size_t(row)] = std::numeric_limits<real>::infinity();
    std::nth_element(others.begin(), others.begin() + (k - 1), others.end());
    radii[size_t(row)] = others[size_t(k - 1)];
  });
  return radii;
}

/// The share of points within reach of any centre.
double covered(const Tensor& points, const Tensor& centres, const std::vector<real>& squared_radii) {
  int64_t count = 0;
  for_each_row(points, centres, [&](int64_t, const real* distances) {
    size_t j = 0;
    while (j < squared_radii.size() && distances[j] > squared_radii[j]) ++j;
    count += j < squared_radii.size();
  });
  return double(count) / double(points.dim(0));
}

}  // namespace

PrecisionRecall precision_recall(const Tensor& samples, const Tensor& real_ones, int k) {
  if (k < 1) throw std::invalid_argument("[precision_recall] wants a neighbour at least");
  check_features("precision_recall", samples, real_ones, k + 1);
  const Tensor real_host = real_ones.to(cpu_device);
  const Tensor mean = sum_to(real_host, {1, real_host.dim(1)}) / real(real_host.dim(0));
  const Tensor a = samples.to(cpu_device) - mean, b = real_host - mean;
  return {.precision = covered(a, b, squared_radii(b, k)), .recall = covered(b, a, squared_radii(a, k))};
}

}  // namespace erg::tools
