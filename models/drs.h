// DRS: discriminator rejection sampling (Azadi et al. 2019).
//
// Rejection sampling keeps a candidate x = G(z) with probability p_data(x) / (M p_G(x)) = exp(d(x) - log M), with d the
// logit and log M = max d. That probability is sigmoid(F),
//
//   F(x) = d(x) - log M - log(1 - exp(d(x) - log M - epsilon)),      kept with probability sigmoid(F(x) - gamma)
//
// and gamma trades exactness for speed: 0 is rejection sampling (epsilon, against a logarithm of zero, is all that is
// missing to it); above it fewer are kept, and below it more. In high dimensions exp(d - log M) is tiny for most
// candidates, so gamma is set by a percentile of F. The paper takes it by hand, the common code the 95th.
//
// log M comes from a pilot of candidates, and rises whenever a later one exceeds it.
#pragma once

#include <optional>

#include "refiner.h"

namespace erg {

struct Drs {
  int64_t batch = 64;   // candidates at a time
  int64_t pilot = 156;  // batches that log M and gamma are found by: 10,000 candidates
  double percentile = 95;
  std::optional<double> gamma = {};        // absent: that percentile of the pilot's F
  std::optional<double> log_maximum = {};  // absent: the pilot's largest logit
  double epsilon = 1e-6;
  int64_t patience = 10000;  // candidates a sample, before it is given up

  /// F, of a logit that is at most log_maximum. In double, for M is reached.
  double margin(double logit, double log_maximum) const;
  /// sigmoid(F - gamma); 0 for a logit that is NaN.
  double chance(double logit, double log_maximum, double gamma) const;

  /// Throws std::invalid_argument unless counts are positive and 0 <= percentile <= 100.
  void check() const;
  /// Throws ExhaustedError when `count` of them were not found in patience * count candidates.
  Refined sample(const GanView& gan, int64_t count, Noise& noise) const;
};

}  // namespace erg
