// What tests of samplers measure their chains with. Seeds are fixed, and each bound is a number of standard errors, or
// a probability, that the comment states.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "engine/ops.h"

namespace erg::test {

struct Moments {
  double mean = 0, variance = 0;
};

inline Moments moments(const Tensor& x) {
  const auto values = x.to_host();
  const double n = double(values.size());
  Moments m;
  for (const real value : values) m.mean += double(value) / n;
  for (const real value : values) m.variance += std::pow(double(value) - m.mean, 2) / n;
  return m;
}

/// A normal sample of n has a mean with standard error sqrt(v/n) and a variance with v sqrt(2/n); 4.5 of them are
/// exceeded once in 150,000 runs.
inline void expect_normal_law(const Tensor& x, double mean, double variance) {
  const double n = double(x.size()), errors = 4.5;
  const Moments m = moments(x);
  EXPECT_NEAR(m.mean, mean, errors * std::sqrt(variance / n));
  EXPECT_NEAR(m.variance, variance, errors * variance * std::sqrt(2 / n));
}

/// E(x) = |x|^2 / 2: the unit Gaussian.
inline Tensor quadratic(const Tensor& x) { return sum_per_sample(square(x)) / 2; }

/// E(x) = height * sum (x_i^2 - 1)^2.
inline Tensor double_well(const Tensor& x, real height) { return height * sum_per_sample(square(square(x) - 1)); }

/// A law on the line, from its unnormalised density by Simpson's rule.
class Law {
 public:
  Law(const std::function<double(double)>& density, double low, double high)
      : low_(low), high_(high), cdf_(points + 1) {
    const double h = (high - low) / points;
    for (int i = 1; i <= points; ++i) {
      const double x = low + h * i;
      cdf_[size_t(i)] = cdf_[size_t(i) - 1] + h / 6 * (density(x - h) + 4 * density(x - h / 2) + density(x));
    }
    for (double& value : cdf_) value /= cdf_.back();
  }
  double cdf(double x) const {
    const double position = (std::clamp(x, low_, high_) - low_) / (high_ - low_) * points;
    const auto i = size_t(std::min<double>(position, points - 1));
    return cdf_[i] + (position - double(i)) * (cdf_[i + 1] - cdf_[i]);
  }
  /// Where the cdf is p.
  double quantile(double p) const {
    const auto above = std::lower_bound(cdf_.begin() + 1, cdf_.end() - 1, p);
    const double below = *(above - 1), position = double(above - cdf_.begin()) - 1 + (p - below) / (*above - below);
    return low_ + (high_ - low_) * position / points;
  }

 private:
  static constexpr int points = 20000;
  double low_, high_;
  std::vector<double> cdf_;
};

inline Law normal_law(double mean, double variance) {
  const double s = std::sqrt(variance);
  return Law([=](double x) { return std::exp(-(x - mean) * (x - mean) / (2 * variance)); }, mean - 9 * s, mean + 9 * s);
}

inline Law double_well_law(double height, double temperature = 1) {
  return Law([=](double x) { return std::exp(-height * std::pow(x * x - 1, 2) / temperature); }, -6, 6);
}

/// sqrt(n) times the largest distance of the sample's distribution function from the law's. Kolmogorov's limit law
/// exceeds 1.95 with probability 0.001, and 2.3 with 0.00005.
inline double kolmogorov(const Tensor& sample, const Law& law) {
  auto x = sample.to_host();
  std::sort(x.begin(), x.end());
  const double n = double(x.size());
  double distance = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double p = law.cdf(double(x[i]));
    distance = std::max({distance, p - double(i) / n, double(i + 1) / n - p});
  }
  return std::sqrt(n) * distance;
}

/// Independent draws of the law, [count,1], by inverting uniform numbers.
inline Tensor exact_draws(const Law& law, int64_t count, const std::vector<real>& uniforms) {
  std::vector<real> x;
  for (const real u : uniforms) x.push_back(real(law.quantile(double(u))));
  return Tensor::from_host({count, 1}, x);
}

}  // namespace erg::test
