#include "divergence.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

namespace erg::tools {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// sum_k term(p_k, q_k).
template <class Term>
double sum_over(const char* name, const Probabilities& p, const Probabilities& q, const Term& term) {
  if (p.size() != q.size())
    throw std::invalid_argument("[" + std::string(name) + "] distributions over " + std::to_string(p.size()) + " and " +
                                std::to_string(q.size()) + " values");
  double sum = 0;
  for (size_t k = 0; k < p.size(); ++k) sum += term(p[k], q[k]);
  return sum;
}

/// p log(p/q), with 0 log 0 = 0.
double kl_term(double p, double q) { return p == 0 ? 0 : q == 0 ? infinity : p * std::log(p / q); }

double js_term(double p, double q) { return (kl_term(p, (p + q) / 2) + kl_term(q, (p + q) / 2)) / 2; }

}  // namespace

Probabilities shares(std::span<const int64_t> counts) {
  const int64_t total = std::accumulate(counts.begin(), counts.end(), int64_t(0));
  if (total == 0) throw std::invalid_argument("[shares] no count above zero");
  Probabilities p;
  for (int64_t count : counts) p.push_back(double(count) / double(total));
  return p;
}

Probabilities uniform(size_t size) { return Probabilities(size, 1 / double(size)); }

double entropy(const Probabilities& p) {
  double sum = 0;
  for (double x : p) sum -= kl_term(x, 1);
  return sum;
}

double kl_divergence(const Probabilities& p, const Probabilities& q) { return sum_over("kl", p, q, kl_term); }

double js_divergence(const Probabilities& p, const Probabilities& q) { return sum_over("js", p, q, js_term); }

double total_variation(const Probabilities& p, const Probabilities& q) {
  return sum_over("total_variation", p, q, [](double a, double b) { return std::abs(a - b) / 2; });
}

double chi_squared(const Probabilities& p, const Probabilities& q) {
  return sum_over("chi_squared", p, q, [](double a, double b) {
    return a == b ? 0 : b == 0 ? infinity : (a - b) * (a - b) / b;
  });
}

double squared_hellinger(const Probabilities& p, const Probabilities& q) {
  return sum_over("squared_hellinger", p, q, [](double a, double b) {
    const double difference = std::sqrt(a) - std::sqrt(b);
    return difference * difference;
  });
}

// ---- Floors

namespace {

/// E[g(c)] for c ~ Binomial(n, p), over the counts within twelve deviations: what lies beyond has no weight in double.
double binomial_expectation(int64_t n, double p, const std::function<double(int64_t)>& g) {
  if (p <= 0 || p >= 1) return g(p <= 0 ? 0 : n);
  const double mean = double(n) * p, reach = 12 * std::sqrt(mean * (1 - p)) + 40;
  const int64_t first = std::max<int64_t>(0, int64_t(mean - reach)), last = std::min(n, int64_t(mean + reach));
  const auto log_weight = [&](double c) {
    return std::lgamma(double(n) + 1) - std::lgamma(c + 1) - std::lgamma(double(n) - c + 1) + c * std::log(p) +
           (double(n) - c) * std::log1p(-p);
  };
  double sum = 0, weight = 0;
  for (int64_t c = first; c <= last; ++c) {
    const double w = std::exp(log_weight(double(c)));
    sum += w * g(c);
    weight += w;
  }
  return sum / weight;
}

}  // namespace

double expected_sum(const Probabilities& p, int64_t n, const std::function<double(int64_t)>& g) {
  double sum = 0, previous = 0;
  for (size_t k = 0; k < p.size(); ++k) {
    if (k == 0 || p[k] != p[k - 1]) previous = binomial_expectation(n, p[k], g);  // uniform: the same one K times
    sum += previous;
  }
  return sum;
}

double expected_modes(const Probabilities& p, int64_t n) {
  double sum = 0;
  for (double x : p) sum += x >= 1 ? 1 : -std::expm1(double(n) * std::log1p(-x));
  return sum;
}

double expected_kl_to_uniform(const Probabilities& p, int64_t n) {
  return expected_sum(p, n, [&](int64_t c) { return kl_term(double(c) / double(n), 1 / double(p.size())); });
}

double expected_js_to_uniform(const Probabilities& p, int64_t n) {
  return expected_sum(p, n, [&](int64_t c) { return js_term(double(c) / double(n), 1 / double(p.size())); });
}

}  // namespace erg::tools
