#include "classifier_score.h"

#include <algorithm>
#include <cmath>

#include "features.h"

namespace erg::tools {

namespace {

/// The logarithm of each row's softmax, in double: [N*K]. It is finite where the softmax is zero.
std::vector<double> log_probabilities(const Tensor& logits) {
  const std::vector<real> values = logits.to_host();
  const auto k = size_t(logits.dim(1));
  std::vector<double> log_p(values.begin(), values.end());
  for (size_t row = 0; row < log_p.size(); row += k) {
    const double largest = *std::max_element(&values[row], &values[row] + k);
    double sum = 0;
    for (size_t i = row; i < row + k; ++i) sum += std::exp(values[i] - largest);
    for (size_t i = row; i < row + k; ++i) log_p[i] -= largest + std::log(sum);
  }
  return log_p;
}

/// Softmax of each row.
std::vector<double> probabilities(const Tensor& logits) {
  std::vector<double> p = log_probabilities(logits);
  for (double& value : p) value = std::exp(value);
  return p;
}

/// exp(H(mean p) - mean H(p)) of rows [first, last), which is exp(mean KL(p || mean p)).
double score(const std::vector<double>& p, size_t k, size_t first, size_t last) {
  std::vector<double> marginal(k, 0);
  double negative_entropy = 0;
  for (size_t i = first * k; i < last * k; ++i) {
    marginal[i % k] += p[i] / double(last - first);
    if (p[i] > 0) negative_entropy += p[i] * std::log(p[i]) / double(last - first);
  }
  double marginal_entropy = 0;
  for (double m : marginal)
    if (m > 0) marginal_entropy -= m * std::log(m);
  return std::exp(marginal_entropy + negative_entropy);
}

}  // namespace

std::vector<uint8_t> classes(const Tensor& logits) {
  check_features("classes", logits, 0);
  const std::vector<real> values = logits.to_host();
  const auto k = size_t(logits.dim(1));
  std::vector<uint8_t> all;
  for (size_t row = 0; row < values.size(); row += k)
    all.push_back(uint8_t(std::max_element(&values[row], &values[row] + k) - &values[row]));
  return all;
}

double accuracy(const Tensor& logits, std::span<const uint8_t> labels) {
  check_features("accuracy", logits, 1);
  if (int64_t(labels.size()) != logits.dim(0))
    throw std::invalid_argument("[accuracy] " + std::to_string(labels.size()) + " labels for logits " +
                                to_string(logits.shape()));
  const std::vector<uint8_t> found = classes(logits);
  int64_t right = 0;
  for (size_t i = 0; i < labels.size(); ++i) right += found[i] == labels[i];
  return double(right) / double(labels.size());
}

SplitScore classifier_score(const Tensor& logits, int splits) {
  if (splits < 1) throw std::invalid_argument("[classifier_score] wants a split at least");
  check_features("classifier_score", logits, splits);
  const std::vector<double> p = probabilities(logits);
  const auto n = size_t(logits.dim(0)), k = size_t(logits.dim(1)), parts = size_t(splits);
  double sum = 0, squares = 0;
  for (size_t i = 0; i < parts; ++i) {
    const double s = score(p, k, i * n / parts, (i + 1) * n / parts);
    sum += s;
    squares += s * s;
  }
  const double mean = sum / splits;
  return {mean, std::sqrt(std::max(0.0, squares / splits - mean * mean))};
}

ReverseScore reverse_score(const Tensor& logits) {
  check_features("reverse_score", logits, 1);
  const std::vector<double> log_p = log_probabilities(logits);
  const auto k = size_t(logits.dim(1));
  const double n = double(logits.dim(0));
  std::vector<double> marginal(k, 0);
  for (size_t i = 0; i < log_p.size(); ++i) marginal[i % k] += std::exp(log_p[i]) / n;
  ReverseScore score{0, 0};
  for (size_t row = 0; row < log_p.size(); row += k) {
    double divergence = 0;
    for (size_t y = 0; y < k; ++y)
      if (marginal[y] > 0) divergence += marginal[y] * (std::log(marginal[y]) - log_p[row + y]);
    score.squared += divergence * divergence / n;
    score.plain += divergence / n;
  }
  return score;
}

}  // namespace erg::tools
