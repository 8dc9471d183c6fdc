// Calibration of a critic's scores: planted distortions that must be found, and equations a fit must solve.
#include <gmock/gmock.h>

#include <algorithm>

#include "laws.h"
#include "models/calibration.h"

namespace erg::test {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;
using testing::ThrowsMessage;

/// Real samples of N(1/2, 1) and fakes of N(-1/2, 1): log p/q = x exactly, and D = sigmoid(x).
Scores exact_logits(int64_t reals, int64_t fakes, Noise& noise) {
  return {noise.normal({reals}) + real(0.5), noise.normal({fakes}) - real(0.5)};
}

template <class Map>
Scores mapped(const Scores& scores, const Map& map) {
  return {map(scores.real), map(scores.fake)};
}

double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }

/// sum (y - D) feature / sum D (1 - D) feature^2: how far a logistic fit is from its optimum, in units of the weight.
template <class Feature>
double remaining(const Scores& t, const Scores& logits, double log_odds, const Feature& feature) {
  double gradient = 0, curvature = 0;
  const auto add = [&](const Tensor& scores, const Tensor& of, double y) {
    const auto s = scores.to_host(), d = of.to_host();
    for (size_t i = 0; i < s.size(); ++i) {
      const double p = sigmoid_of(double(d[i]) + log_odds), f = feature(double(s[i]));
      gradient += (y - p) * f, curvature += p * (1 - p) * f * f;
    }
  };
  add(t.real, logits.real, 1), add(t.fake, logits.fake, 0);
  return gradient / curvature;
}

// ---- Beta1 and Beta2

/// Scores t = (x - 0.7) / 2.5 have the logit 0.7 + 2.5 t; with n of each kind the errors of shift and scale are about
/// 2.2/sqrt(n) and 2.5 * 2.7/sqrt(n), by Fisher's information; four of them are allowed. That there are four times as
/// many fakes as real samples must not show.
TEST(Beta1, FindsAPlantedScaleAndShift) {
  for (const int64_t fakes : {20000, 80000}) {
    Noise noise(1, "test");
    const Scores scores =
        mapped(exact_logits(20000, fakes, noise), [](const Tensor& x) { return (x - real(0.7)) / real(2.5); });
    const Beta1 found = Beta1::fit(scores);
    EXPECT_NEAR(found.shift, 0.7, 4 * 2.2 / std::sqrt(20000.0));
    EXPECT_NEAR(found.scale, 2.5, 4 * 6.8 / std::sqrt(20000.0));
  }
}

/// Platt's targets keep it a little away from the maximum of the likelihood.
TEST(Beta1, SolvesTheEquationsOfLogisticRegression) {
  Noise noise(2, "test");
  const Scores t = mapped(exact_logits(3000, 1000, noise), [](const Tensor& x) { return 3 * x + 1; });
  const Scores logits = mapped(t, Beta1::fit(t));
  const double log_odds = std::log(3.0);
  EXPECT_NEAR(remaining(t, logits, log_odds, [](double) { return 1; }), 0, 2e-3);
  EXPECT_NEAR(remaining(t, logits, log_odds, [](double s) { return s; }), 0, 2e-3);
}

/// d = a + b log D + c log(1 - D) with D = sigmoid(t), planted: t is found from d by bisection.
TEST(Beta2, FindsAPlantedDistortionOfEitherTail) {
  const Beta2 planted{real(0.3), real(1.5), real(-0.6)};
  const auto map = [&](const Tensor& logits) {
    std::vector<real> t;
    for (const real d : logits.to_host()) {
      double low = -60, high = 60;
      for (int k = 0; k < 60; ++k) {
        const double middle = (low + high) / 2, right = std::log1p(std::exp(middle)), left = right - middle;
        (0.3 - 1.5 * left + 0.6 * right < double(d) ? low : high) = middle;
      }
      t.push_back(real(low));
    }
    return Tensor::from_host(logits.shape(), t);
  };
  Noise noise(3, "test");
  const Beta2 found = Beta2::fit(mapped(exact_logits(40000, 40000, noise), map));
  EXPECT_NEAR(found.shift, 0.3, 0.1);
  EXPECT_NEAR(found.real_weight, planted.real_weight, 0.15);
  EXPECT_NEAR(found.fake_weight, planted.fake_weight, 0.15);
}

TEST(Beta2, IsBeta1WhereItsWeightsAreOpposite) {
  Noise noise(4, "test");
  const Tensor t = 20 * noise.normal({100});
  EXPECT_THAT((Beta2{real(0.5), 2, -2}(t)).to_host(),
              Pointwise(testing::FloatNear(1e-4f), (Beta1{real(0.5), 2}(t)).to_host()));
}

TEST(LogisticRegression, StaysFiniteWhereACriticSeparatesTheTwoKinds) {
  Noise noise(5, "test");
  const Scores apart{noise.uniform({500}, 50, 60), noise.uniform({500}, -60, -50)};
  const Beta1 one = Beta1::fit(apart);
  const Beta2 two = Beta2::fit(apart);
  EXPECT_TRUE(std::isfinite(one.shift) && one.scale > 0 && std::isfinite(one.scale));
  EXPECT_TRUE(std::isfinite(two.shift) && std::isfinite(two.real_weight) && std::isfinite(two.fake_weight));
  const auto logit = one(apart.real).to_host();
  EXPECT_NEAR(*std::min_element(logit.begin(), logit.end()), std::log(501.0), 1) << "Platt's almost-one";
}

// ---- Isotonic

TEST(PoolAdjacentViolators, PoolsByHand) {
  EXPECT_THAT(pool_adjacent_violators({1, 2, 3}, {1, 1, 1}), ElementsAre(1, 2, 3));
  EXPECT_THAT(pool_adjacent_violators({3, 2, 1}, {1, 1, 1}), ElementsAre(2, 2, 2));
  EXPECT_THAT(pool_adjacent_violators({0, 1, 0, 0, 1, 1, 0, 1}, {1, 1, 1, 1, 1, 1, 1, 1}),
              Pointwise(DoubleNear(1e-15), {0., 1. / 3, 1. / 3, 1. / 3, 2. / 3, 2. / 3, 2. / 3, 1.}));
  EXPECT_THAT(pool_adjacent_violators({1, 0}, {3, 1}), ElementsAre(0.75, 0.75));
  EXPECT_TRUE(pool_adjacent_violators({}, {}).empty());
}

/// fit_i = max over a <= i of min over b >= i of the mean of a..b (Robertson, Wright & Dykstra 1988).
TEST(PoolAdjacentViolators, IsTheMaxMinOfMeans) {
  Noise noise(6, "test");
  const auto u = noise.uniform({60}).to_host(), v = noise.uniform({60}, real(0.1), 3).to_host();
  std::vector<double> values, weights(v.begin(), v.end()), expected;
  for (size_t i = 0; i < u.size(); ++i) values.push_back(double(u[i]) + 0.01 * double(i));
  for (size_t i = 0; i < values.size(); ++i) {
    double highest = -1e9;
    for (size_t a = 0; a <= i; ++a) {
      double lowest = 1e9, total = 0, weight = 0;
      for (size_t b = a; b < values.size(); ++b) {
        total += weights[b] * values[b], weight += weights[b];
        if (b >= i) lowest = std::min(lowest, total / weight);
      }
      highest = std::max(highest, lowest);
    }
    expected.push_back(highest);
  }
  EXPECT_THAT(pool_adjacent_violators(values, weights), Pointwise(DoubleNear(1e-12), expected));
}

/// Reals at 1, 3, 3, 4 and fakes at 0, 2, 3: in the order 0 1 2 3 4 the shares of reals are 0, 1, 0, 2/3, 1, pooled to
/// 0, 1/2, 1/2, 2/3, 1.
TEST(Isotonic, TakesTheSharesOfReals) {
  const auto scores = [](const std::vector<real>& values) {
    return Tensor::from_host({int64_t(values.size())}, values);
  };
  const Isotonic map = Isotonic::fit({scores({1, 3, 3, 4}), scores({0, 2, 3})});
  const auto d = map(scores({-5, 0, 1, real(1.7), 2, 3, 4, 9})).to_host();
  const double odds = std::log(4.0 / 3), sure = std::log(1e14);
  const double expected[] = {-sure, -sure, 0, 0, 0, std::log(2.0), sure, sure};
  for (size_t i = 0; i < d.size(); ++i) EXPECT_NEAR(double(d[i]), expected[i] - odds, 1e-4) << i;
}

TEST(Isotonic, NeverFallsAndFollowsAnyMonotoneDistortion) {
  Noise noise(7, "test");
  const Scores x = exact_logits(20000, 20000, noise);
  const Isotonic map = Isotonic::fit(mapped(x, [](const Tensor& t) { return tanh(t / 2) + t * square(t); }));
  std::vector<real> grid;
  for (int i = -600; i <= 600; ++i) grid.push_back(real(i) / 200);
  const Tensor at = Tensor::from_host({int64_t(grid.size())}, grid);
  const auto d = map(tanh(at / 2) + at * square(at)).to_host();
  EXPECT_TRUE(std::is_sorted(d.begin(), d.end()));
  for (size_t i = 0; i < grid.size(); ++i)
    if (std::abs(grid[i]) < 1.5) { EXPECT_NEAR(d[i], grid[i], 0.4) << grid[i]; }
}

TEST(Isotonic, OfScoresThatSayNothingIsConstant) {
  const Isotonic map = Isotonic::fit({Tensor::ones({30}), Tensor::ones({10})});
  for (const real d : map(Tensor::from_host({3}, std::vector<real>{-1, 1, 5})).to_host()) EXPECT_NEAR(d, 0, 1e-5);
}

// ---- Refusals

TEST(Calibration, SaysWhatIsWrongWithScores) {
  const Tensor some = Tensor::ones({3});
  const Tensor broken = Tensor::from_host({2}, std::vector<real>{1, std::numeric_limits<real>::infinity()});
  EXPECT_THAT(
      [&] {
        Beta1::fit({some, {}});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("scores of fake samples, got none")));
  EXPECT_THAT(
      [&] {
        Beta2::fit({Tensor::ones({3, 1}), some});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("real samples, got [3,1]")));
  EXPECT_THAT(
      [&] {
        Isotonic::fit({some, broken});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("fake sample 1 is inf; expected finite")));
}

}  // namespace
}  // namespace erg::test
