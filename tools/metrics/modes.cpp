#include "modes.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace erg::tools {

namespace {

struct Nearest {
  size_t mode = 0;
  double squared_distance = std::numeric_limits<double>::infinity();
};

Nearest nearest_mode(const Mixture& mixture, double x, double y) {
  Nearest best;
  for (size_t m = 0; m < mixture.centres.size(); ++m) {
    const double dx = x - mixture.centres[m][0], dy = y - mixture.centres[m][1], squared = dx * dx + dy * dy;
    if (squared < best.squared_distance) best = {m, squared};
  }
  return best;
}

}  // namespace

ModeCount count_modes(const Mixture& mixture, const Tensor& samples, double radius) {
  if (samples.rank() != 2 || samples.dim(1) != 2)
    throw std::invalid_argument("[count_modes] wants points [B,2], got " + to_string(samples.shape()));
  const std::vector<real> points = samples.to_host();
  ModeCount count{.total = int(mixture.centres.size()), .counts = std::vector<int64_t>(mixture.centres.size(), 0)};
  const double variance = mixture.deviation * mixture.deviation;
  double squares = 0;
  for (size_t i = 0; i < points.size(); i += 2) {
    const Nearest nearest = nearest_mode(mixture, points[i], points[i + 1]);
    if (!(nearest.squared_distance < radius * radius * variance)) continue;
    ++count.counts[nearest.mode];
    squares += nearest.squared_distance / variance;
  }
  const auto good = double(std::accumulate(count.counts.begin(), count.counts.end(), int64_t(0)));
  for (int64_t c : count.counts) count.found += c > 0;
  count.high_quality = points.empty() ? 0 : good / double(points.size() / 2);
  count.spread = good > 0 ? std::sqrt(squares / (2 * good)) : 0;
  return count;
}

IdealModes ideal_modes(const Mixture& mixture, int64_t n, double radius) {
  // Half the squared distance from the mode, in deviations, is exponential with mean 1.
  const double reach = radius * radius / 2, beyond = std::exp(-reach);
  const Probabilities even = uniform(mixture.centres.size());
  const int64_t good = std::llround(double(n) * (1 - beyond));
  return {.found = expected_modes(even, good),
          .high_quality = 1 - beyond,
          .spread = std::sqrt(1 - reach * beyond / (1 - beyond)),
          .entropy = std::log(double(even.size())) - expected_kl_to_uniform(even, good),
          .js = expected_js_to_uniform(even, good)};
}

namespace {

size_t stack_modes(const char* name, int channels) {
  if (channels < 1 || channels > 6)
    throw std::invalid_argument("[" + std::string(name) + "] wants 1 to 6 images a stack, got " +
                                std::to_string(channels));
  size_t modes = 1;
  for (int c = 0; c < channels; ++c) modes *= 10;
  return modes;
}

}  // namespace

std::vector<int64_t> count_stacks(std::span<const uint8_t> digits, int channels) {
  std::vector<int64_t> counts(stack_modes("count_stacks", channels), 0);
  if (digits.size() % size_t(channels))
    throw std::invalid_argument("[count_stacks] " + std::to_string(digits.size()) + " digits make no stacks of " +
                                std::to_string(channels));
  for (size_t i = 0; i < digits.size(); i += size_t(channels)) {
    size_t mode = 0;
    for (int c = 0; c < channels; ++c) {
      const uint8_t digit = digits[i + size_t(c)];
      if (digit > 9) throw std::invalid_argument("[count_stacks] " + std::to_string(digit) + " is no digit");
      mode = 10 * mode + digit;
    }
    ++counts[mode];
  }
  return counts;
}

Probabilities stack_probabilities(const Probabilities& digits, int channels) {
  Probabilities p(stack_modes("stack_probabilities", channels), 1);
  if (digits.size() != 10)
    throw std::invalid_argument("[stack_probabilities] wants ten frequencies, got " + std::to_string(digits.size()));
  for (size_t mode = 0; mode < p.size(); ++mode)
    for (size_t rest = mode, c = 0; c < size_t(channels); ++c, rest /= 10) p[mode] *= digits[rest % 10];
  return p;
}

}  // namespace erg::tools
