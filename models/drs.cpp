#include "drs.h"

#include <algorithm>
#include <limits>

namespace erg {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The number that `percent` of the values are below (linear between two of them).
double percentile_of(std::vector<double> values, double percent) {
  std::sort(values.begin(), values.end());
  const double position = percent / 100 * double(values.size() - 1);
  const auto below = size_t(position), above = std::min(below + 1, values.size() - 1);
  if (values[below] == values[above]) return values[below];  // of infinities there is no difference
  return values[below] + (position - double(below)) * (values[above] - values[below]);
}

/// What is known of the logits, and the acceptance that follows from it.
class Rule {
 public:
  explicit Rule(const Drs& drs)
      : drs_(drs), log_maximum_(drs.log_maximum.value_or(-infinity)), gamma_(drs.gamma.value_or(0)) {}

  bool needs_pilot() const { return !drs_.gamma || !drs_.log_maximum; }

  void learn(const std::vector<real>& logits) {
    for (const real d : logits)
      if (!std::isnan(d)) pilot_.push_back(double(d)), log_maximum_ = std::max(log_maximum_, double(d));
    find_gamma();
  }

  double chance(real logit) {
    if (double(logit) > log_maximum_) log_maximum_ = double(logit), find_gamma();
    return drs_.chance(double(logit), log_maximum_, gamma_);
  }

 private:
  void find_gamma() {
    if (drs_.gamma || pilot_.empty()) return;
    std::vector<double> margins;
    for (const double d : pilot_) margins.push_back(drs_.margin(d, log_maximum_));
    gamma_ = percentile_of(std::move(margins), drs_.percentile);
  }

  const Drs& drs_;
  double log_maximum_, gamma_;
  std::vector<double> pilot_;
};

}  // namespace

double Drs::margin(double logit, double log_maximum) const {
  const double below = logit - log_maximum;
  return below - std::log(-std::expm1(below - epsilon));
}

double Drs::chance(double logit, double log_maximum, double gamma) const {
  if (std::isnan(logit)) return 0;
  return 1 / (1 + std::exp(gamma - margin(logit, log_maximum)));
}

void Drs::check() const {
  const auto expect = [](bool holds, const std::string& what) {
    if (!holds) throw std::invalid_argument("[drs] " + what);
  };
  expect(batch >= 1, "batch must be at least 1, got " + std::to_string(batch));
  expect(pilot >= 1, "pilot must be at least 1 batch, got " + std::to_string(pilot));
  expect(patience >= 1, "patience must be at least 1, got " + std::to_string(patience));
  expect(percentile >= 0 && percentile <= 100, "percentile must be in [0,100], got " + std::to_string(percentile));
  expect(epsilon > 0, "epsilon must be positive, got " + std::to_string(epsilon));
}

Refined Drs::sample(const GanView& gan, int64_t count, Noise& noise) const {
  check();
  const Pause pause;
  Rule rule(*this);
  int64_t called = 0, seen = 0;
  const auto candidates = [&] {
    called += batch;
    return gan.generate(gan.prior(batch, noise));
  };
  if (rule.needs_pilot()) {
    std::vector<real> logits;
    for (int64_t k = 0; k < pilot; ++k) {
      const auto d = gan.logit(candidates()).to_host();
      logits.insert(logits.end(), d.begin(), d.end());
    }
    rule.learn(logits);
  }

  std::vector<Tensor> kept;
  while (int64_t(kept.size()) < count) {
    if (seen >= patience * count)
      throw ExhaustedError("[drs] only " + std::to_string(kept.size()) + " of " + std::to_string(count) +
                           " samples in " + std::to_string(seen) +
                           " candidates; take a lower percentile or a calibrated logit");
    const Tensor x = candidates();
    const auto d = gan.logit(x).to_host(), uniform = noise.uniform({batch}).to_host();
    for (int64_t i = 0; i < batch && int64_t(kept.size()) < count; ++i, ++seen)
      if (double(uniform[size_t(i)]) < rule.chance(d[size_t(i)])) kept.push_back(slice(x, 0, i, i + 1));
  }
  return {concat(kept, 0), double(count) / double(seen), double(called) / double(count)};
}

}  // namespace erg
