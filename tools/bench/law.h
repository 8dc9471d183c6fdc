// Do two samples follow one law? Tests that compare what a sampler produced with chains nobody doubts.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace erg::tools {

/// `count` independent points of `size` coordinates.
struct Sample {
  int64_t count = 0, size = 0;
  std::vector<double> values;  // [count, size]

  const double* point(int64_t i) const { return values.data() + i * size; }
};

/// How far two samples' moments are apart, in standard errors.
struct MomentTest {
  double mean, variance;  // the largest differences over the coordinates
  double powers;          // the largest of the averages of x_i^2, x_i^3, x_i^4 over all coordinates: sees what is small
                          // in each of them but the same in all, as a wrong temperature is
  /// The probability that samples of one law differ so much somewhere, at most (Bonferroni over all comparisons).
  double p;
};
/// Throws std::invalid_argument when the samples have different sizes.
MomentTest moment_test(const Sample& a, const Sample& b);

/// The energy distance 2 E|A-B| - E|A-A'| - E|B-B'|, which is zero for equal laws and for no others (Szekely & Rizzo
/// 2013, "Energy statistics: a class of statistics based on distances"), with its significance.
struct EnergyTest {
  static constexpr int points = 512;  // of each sample, at most
  static constexpr int permutations = 999;

  double distance;
  /// The share of random relabellings of the points with a distance as large: at least 1/(permutations + 1).
  double p;
};
/// Throws as moment_test.
EnergyTest energy_test(const Sample& a, const Sample& b, uint64_t seed);

/// A test fails below this: for samples of one law, about once in a thousand.
inline constexpr double significance = 1.5e-3;

/// A verdict, and the numbers that led to it.
struct LawCheck {
  bool passed;
  std::vector<std::pair<std::string, double>> numbers;
};

}  // namespace erg::tools
