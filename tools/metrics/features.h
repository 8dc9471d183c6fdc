// What the metrics on features share. Features are a tensor [N,d], a row a sample, of any device.
#pragma once

#include <stdexcept>
#include <string>

#include "../../engine/random.h"

namespace erg::tools {

/// Throws std::invalid_argument unless x is [N,d] with N >= least.
inline void check_features(const char* metric, const Tensor& x, int64_t least) {
  if (x.rank() == 2 && x.dim(1) > 0 && x.dim(0) >= least) return;
  throw std::invalid_argument("[" + std::string(metric) + "] wants features [N,d] of at least " +
                              std::to_string(least) + " samples, got " + to_string(x.shape()));
}

/// The same for two sets, which must have the same features.
inline void check_features(const char* metric, const Tensor& a, const Tensor& b, int64_t least) {
  check_features(metric, a, least);
  check_features(metric, b, least);
  if (a.dim(1) != b.dim(1))
    throw std::invalid_argument("[" + std::string(metric) + "] " + to_string(a.shape()) + " and " +
                                to_string(b.shape()) + " have different numbers of features");
}

/// `count` different rows of [N,d] in random order, on the host; all of them if there are no more.
Tensor random_rows(const Tensor& x, int64_t count, Noise& noise);

}  // namespace erg::tools
