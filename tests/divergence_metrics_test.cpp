// Divergences of discrete distributions: their values, identities and inequalities, and what the theory of GANs says.
#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

#include "tools/metrics/divergence.h"

namespace erg::tools {
namespace {

const Probabilities p{0.1, 0.2, 0.3, 0.4}, q{0.4, 0.3, 0.2, 0.1};
const double log2 = std::log(2);

/// E_p[log D] + E_q[log(1 - D)], the discriminator's side of the minimax game.
double gan_value(const Probabilities& a, const Probabilities& b, const Probabilities& d) {
  double value = 0;
  for (size_t k = 0; k < a.size(); ++k) value += a[k] * std::log(d[k]) + b[k] * std::log(1 - d[k]);
  return value;
}

Probabilities optimal(const Probabilities& a, const Probabilities& b) {
  Probabilities d;
  for (size_t k = 0; k < a.size(); ++k) d.push_back(a[k] / (a[k] + b[k]));
  return d;
}

TEST(Divergence, HasTheKnownValues) {
  EXPECT_NEAR(js_divergence(p, q), 0.1064401352862232, 1e-15);
  EXPECT_NEAR(2 * js_divergence(p, q), 0.212880, 1e-6) << "without the half";
  EXPECT_NEAR(kl_divergence(p, q), 0.45643481914678347, 1e-15);
  EXPECT_NEAR(kl_divergence(q, p), 0.45643481914678347, 1e-15);
  EXPECT_NEAR(chi_squared(p, q), 1.2083333333333335, 1e-15);
  EXPECT_NEAR(squared_hellinger(p, q), 0.22020410288672876, 1e-15);
  EXPECT_NEAR(total_variation(p, q), 0.4, 1e-15);
  EXPECT_NEAR(entropy(p), 1.2798542258336676, 1e-15);
  EXPECT_NEAR(entropy(uniform(8)), std::log(8), 1e-15);
}

TEST(Divergence, OfDisjointSupportsIsAtItsMaximum) {
  const Probabilities left{1, 0}, right{0, 1};
  EXPECT_DOUBLE_EQ(js_divergence(left, right), log2);
  EXPECT_NEAR(std::sqrt(2 * js_divergence(left, right)), 1.1774, 1e-4) << "the root of JS without the half";
  EXPECT_DOUBLE_EQ(total_variation(left, right), 1);
  EXPECT_DOUBLE_EQ(squared_hellinger(left, right), 2);
  EXPECT_EQ(kl_divergence(left, right), std::numeric_limits<double>::infinity());
  EXPECT_EQ(chi_squared(left, right), std::numeric_limits<double>::infinity());
  EXPECT_EQ(kl_divergence(left, uniform(2)), log2) << "q may be where p is not";
}

TEST(Divergence, OfAPerfectDiscriminatorIsTheGanValue) {
  const Probabilities best = optimal(p, q);
  EXPECT_NEAR(gan_value(p, q, best), -1.173414, 1e-6);
  EXPECT_NEAR(gan_value(p, q, best), 2 * js_divergence(p, q) - 2 * log2, 1e-14);
  EXPECT_NEAR(gan_value(p, q, Probabilities(4, 0.5)), -2 * log2, 1e-15);
  EXPECT_GT(std::abs(gan_value(p, q, best) - (js_divergence(p, q) - 2 * log2)), 0.1)
      << "L = JS - 2 log 2 needs JS without the half";
}

TEST(Divergence, RefusesDifferentSizes) {
  EXPECT_THROW(js_divergence(p, uniform(3)), std::invalid_argument);
  EXPECT_THROW(shares(std::vector<int64_t>{0, 0}), std::invalid_argument);
  EXPECT_THAT(shares(std::vector<int64_t>{1, 3}), testing::ElementsAre(0.25, 0.75));
}

// ---- Laws, on random distributions, some of whose probabilities are zero

Probabilities random_distribution(size_t size) {
  std::vector<int64_t> counts;
  for (int64_t c : *rc::gen::container<std::vector<int>>(size, rc::gen::inRange(0, 20))) counts.push_back(c * c);
  ++counts[*rc::gen::inRange<size_t>(0, size)];
  return shares(counts);
}

RC_GTEST_PROP(DivergenceLaws, RootOfJsIsAMetric, ()) {
  const size_t size = *rc::gen::inRange<size_t>(2, 6);
  const Probabilities a = random_distribution(size), b = random_distribution(size), c = random_distribution(size);
  const auto distance = [](const Probabilities& x, const Probabilities& y) {
    return std::sqrt(std::max(0.0, js_divergence(x, y)));
  };
  RC_ASSERT(distance(a, c) <= distance(a, b) + distance(b, c) + 1e-7);
  RC_ASSERT(std::abs(js_divergence(a, b) - js_divergence(b, a)) < 1e-15);
  RC_ASSERT(std::abs(js_divergence(a, a)) < 1e-15);
}

TEST(DivergenceLaws, JsItselfAndKlAreNoMetrics) {
  const Probabilities left{1, 0}, middle{0.5, 0.5}, right{0, 1};
  EXPECT_GT(js_divergence(left, right), js_divergence(left, middle) + js_divergence(middle, right));
  const Probabilities a{0.9, 0.1}, b{0.5, 0.5};
  EXPECT_GT(std::abs(kl_divergence(a, b) - kl_divergence(b, a)), 0.1);
}

RC_GTEST_PROP(DivergenceLaws, BoundEachOther, ()) {
  const size_t size = *rc::gen::inRange<size_t>(2, 6);
  const Probabilities a = random_distribution(size), b = random_distribution(size);
  const double tv = total_variation(a, b), js = js_divergence(a, b), h2 = squared_hellinger(a, b);
  const double kl = kl_divergence(a, b), slack = 1e-12;
  RC_ASSERT(2 * tv * tv <= kl + slack);                    // Pinsker
  RC_ASSERT(kl <= std::log1p(chi_squared(a, b)) + slack);  // Jensen
  RC_ASSERT(h2 / 2 <= tv + slack);                         // Le Cam, below and above
  RC_ASSERT(tv <= std::sqrt(h2 * (1 - h2 / 4)) + slack);
  RC_ASSERT(js <= log2 * tv + slack);    // Lin 1991
  RC_ASSERT(tv * tv / 2 <= js + slack);  // Pinsker, both halves
  RC_ASSERT(js >= -slack && js <= log2 + slack);
}

RC_GTEST_PROP(DivergenceLaws, NoDiscriminatorBeatsTheOptimalOne, ()) {
  const size_t size = *rc::gen::inRange<size_t>(2, 6);
  Probabilities a = random_distribution(size), b = random_distribution(size), d;
  for (size_t k = 0; k < size; ++k) {  // no logarithm of zero
    a[k] = (a[k] + 0.01) / (1 + 0.01 * double(size));
    b[k] = (b[k] + 0.01) / (1 + 0.01 * double(size));
    d.push_back(double(*rc::gen::inRange(1, 100)) / 100);
  }
  const double best = 2 * js_divergence(a, b) - 2 * log2;
  RC_ASSERT(std::abs(gan_value(a, b, optimal(a, b)) - best) < 1e-12);
  RC_ASSERT(gan_value(a, b, d) <= best + 1e-12);
}

RC_GTEST_PROP(DivergenceLaws, EntropyAndKlToUniformAreOneNumber, ()) {
  const Probabilities a = random_distribution(*rc::gen::inRange<size_t>(2, 9));
  RC_ASSERT(std::abs(kl_divergence(a, uniform(a.size())) - (std::log(double(a.size())) - entropy(a))) < 1e-12);
}

// ---- Floors

TEST(Floors, AreThoseOfAFullEnumeration) {
  const Probabilities three{0.5, 0.3, 0.2};  // five draws, all 21 histograms summed by NumPy
  EXPECT_NEAR(expected_kl_to_uniform(three, 5), 0.3116838892005235, 1e-12);
  EXPECT_NEAR(expected_modes(three, 5), 2.473, 1e-12);
  EXPECT_NEAR(expected_js_to_uniform(three, 5), 0.09193356893798475, 1e-12);
  EXPECT_NEAR(expected_sum(three, 5, [](int64_t c) { return double(c); }), 5, 1e-12);
}

TEST(Floors, OfOneDrawAreCertain) {
  EXPECT_NEAR(expected_kl_to_uniform(uniform(1000), 1), std::log(1000), 1e-9);
  EXPECT_NEAR(expected_modes(uniform(1000), 1), 1, 1e-9);
  EXPECT_NEAR(expected_kl_to_uniform({1, 0}, 7), log2, 1e-12) << "a collapsed sampler";
}

TEST(Floors, ApproachTheirFirstOrder) {
  // (K-1) / 2n, and for JS a quarter of it
  for (const size_t k : {10u, 1000u}) {
    const int64_t n = 2000 * int64_t(k);
    const double first_order = double(k - 1) / (2 * double(n));
    EXPECT_NEAR(expected_kl_to_uniform(uniform(k), n) / first_order, 1, 1e-3);
    EXPECT_NEAR(expected_js_to_uniform(uniform(k), n) / (first_order / 4), 1, 1e-3);
  }
}

}  // namespace
}  // namespace erg::tools
