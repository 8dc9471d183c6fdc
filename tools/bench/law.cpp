#include "law.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>

#include "../../kernels/cpu/parallel.h"

namespace erg::tools {

namespace {

void check_sizes(const Sample& a, const Sample& b) {
  if (a.size != b.size || a.count < 2 || b.count < 2)
    throw std::invalid_argument("[law] samples [" + std::to_string(a.count) + "," + std::to_string(a.size) + "] and [" +
                                std::to_string(b.count) + "," + std::to_string(b.size) + "] cannot be compared");
}

/// Mean and variance of a coordinate, and the squared standard errors of both.
struct Moments {
  double mean = 0, variance = 0, mean_error = 0, variance_error = 0;
};

Moments moments(const Sample& s, int64_t coordinate) {
  const double n = double(s.count);
  Moments m;
  for (int64_t i = 0; i < s.count; ++i) m.mean += s.point(i)[coordinate] / n;
  double fourth = 0;
  for (int64_t i = 0; i < s.count; ++i) {
    const double square = std::pow(s.point(i)[coordinate] - m.mean, 2);
    m.variance += square / (n - 1);
    fourth += square * square / n;
  }
  m.mean_error = m.variance / n;
  m.variance_error = (fourth - m.variance * m.variance) / n;
  return m;
}

/// A difference in standard errors. What is not a number differs without bound.
double standardised(double difference, double squared_error) {
  if (difference == 0) return 0;
  const double errors = std::abs(difference) / std::sqrt(std::max(squared_error, 0.0));
  return std::isnan(errors) ? std::numeric_limits<double>::infinity() : errors;
}

double mean_difference(const Sample& a, const Sample& b, int64_t coordinate) {
  const Moments of_a = moments(a, coordinate), of_b = moments(b, coordinate);
  return standardised(of_a.mean - of_b.mean, of_a.mean_error + of_b.mean_error);
}

double variance_difference(const Sample& a, const Sample& b, int64_t coordinate) {
  const Moments of_a = moments(a, coordinate), of_b = moments(b, coordinate);
  return standardised(of_a.variance - of_b.variance, of_a.variance_error + of_b.variance_error);
}

constexpr int power_count = 3;

/// The averages over a point's coordinates of their squares, cubes and fourth powers.
Sample pooled_powers(const Sample& s) {
  Sample powers{s.count, power_count, std::vector<double>(size_t(s.count * power_count))};
  for (int64_t i = 0; i < s.count; ++i)
    for (int64_t k = 0; k < s.size; ++k)
      for (int power = 0; power < power_count; ++power)
        powers.values[size_t(i * power_count + power)] += std::pow(s.point(i)[k], power + 2) / double(s.size);
  return powers;
}

/// At most EnergyTest::points points, evenly spaced. The step is odd, so that every lane of a vector register is met.
std::vector<const double*> some_points(const Sample& s) {
  const int64_t count = std::min<int64_t>(s.count, EnergyTest::points),
                step = std::max<int64_t>(1, s.count / count - 1) | 1;
  std::vector<const double*> chosen;
  for (int64_t i = 0; i < count; ++i) chosen.push_back(s.point(i * step));
  return chosen;
}

/// All distances between points of `size` coordinates: a symmetric matrix.
std::vector<double> distances(const std::vector<const double*>& points, int64_t size) {
  const int64_t n = int64_t(points.size());
  std::vector<double> matrix(size_t(n * n));
  kernels::cpu::parallel_for(n, 1, [&](int64_t i, int64_t) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < size; ++k) sum += std::pow(points[size_t(i)][k] - points[size_t(j)][k], 2);
      matrix[size_t(i * n + j)] = std::sqrt(sum);
    }
  });
  return matrix;
}

/// The energy distance of the points labelled by weights w: 1/n of each in one sample, -1/n in the other. It is the
/// quadratic form -w'Dw, and D is symmetric with nothing on its diagonal.
double energy_distance(const std::vector<double>& matrix, const std::vector<double>& w) {
  double total = 0;
  for (size_t i = 0; i < w.size(); ++i) {
    const double* row = matrix.data() + i * w.size();
    double sum[4] = {};  // several sums, so that the additions need not wait for each other
    for (size_t j = 0; j < i; ++j) sum[j % 4] += row[j] * w[j];
    total -= 2 * w[i] * (sum[0] + sum[1] + sum[2] + sum[3]);
  }
  return total;
}

}  // namespace

MomentTest moment_test(const Sample& a, const Sample& b) {
  check_sizes(a, b);
  MomentTest test{};
  for (int64_t k = 0; k < a.size; ++k) {
    test.mean = std::max(test.mean, mean_difference(a, b, k));
    test.variance = std::max(test.variance, variance_difference(a, b, k));
  }
  const Sample powers_of_a = pooled_powers(a), powers_of_b = pooled_powers(b);
  for (int64_t k = 0; k < power_count; ++k)
    test.powers = std::max(test.powers, mean_difference(powers_of_a, powers_of_b, k));
  const double tail = std::erfc(std::max({test.mean, test.variance, test.powers}) / std::sqrt(2.0));
  test.p = std::min(1.0, double(2 * a.size + power_count) * tail);
  return test;
}

EnergyTest energy_test(const Sample& a, const Sample& b, uint64_t seed) {
  check_sizes(a, b);
  std::vector<const double*> points = some_points(a);
  const std::vector<const double*> others = some_points(b);
  std::vector<double> w(points.size(), 1 / double(points.size()));
  w.insert(w.end(), others.size(), -1 / double(others.size()));
  points.insert(points.end(), others.begin(), others.end());

  const std::vector<double> matrix = distances(points, a.size);
  EnergyTest test{energy_distance(matrix, w), 0};
  int as_large = 1;  // the labels as they are
  std::mt19937_64 generator(seed);
  for (int i = 0; i < EnergyTest::permutations; ++i) {
    std::shuffle(w.begin(), w.end(), generator);
    as_large += energy_distance(matrix, w) >= test.distance;
  }
  test.p = double(as_large) / (EnergyTest::permutations + 1);
  return test;
}

}  // namespace erg::tools
