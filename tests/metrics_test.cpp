// Metrics on features, logits and points, against closed forms and against figures of NumPy and SciPy.
#include <gmock/gmock.h>

#include <cmath>
#include <numbers>

#include "engine/ops.h"
#include "tools/metrics/calibration.h"
#include "tools/metrics/classifier_score.h"
#include "tools/metrics/density.h"
#include "tools/metrics/features.h"
#include "tools/metrics/frechet.h"
#include "tools/metrics/kernel_distance.h"
#include "tools/metrics/modes.h"
#include "tools/metrics/neighbours.h"

namespace erg::tools {
namespace {

/// Three features of 40 samples, made so that NumPy can make the same.
Tensor some_features() {
  std::vector<real> x;
  for (int i = 0; i < 40; ++i)
    for (const double v : {std::sin(1.0 * i), std::cos(2.0 * i) + 0.05 * i, std::sin(0.1 * i * i)})
      x.push_back(real(v));
  return Tensor::from_host({40, 3}, x);
}
Tensor other_features() {
  std::vector<real> x;
  for (int i = 0; i < 40; ++i)
    for (const double v : {std::cos(1.5 * i), 2 * std::sin(0.7 * i), std::cos(0.2 * i * i) + 1}) x.push_back(real(v));
  return Tensor::from_host({40, 3}, x);
}

template <class F>
std::string refusal(const F& f) {
  try {
    f();
  } catch (const std::invalid_argument& error) { return error.what(); }
  return "accepted";
}

// ---- Frechet distance

Moments round_gaussian(std::vector<double> mean, double deviation) {
  const size_t d = mean.size();
  Moments m{std::move(mean), std::vector<double>(d * d, 0)};
  for (size_t i = 0; i < d; ++i) m.covariance[i * d + i] = deviation * deviation;
  return m;
}

TEST(Frechet, OfRoundGaussiansIsTheClosedForm) {
  // |m|^2 + d (1 - s)^2
  EXPECT_NEAR(frechet_distance(round_gaussian({0, 0, 0}, 1), round_gaussian({3, 0, 4}, 0.5)), 25 + 3 * 0.25, 1e-12);
  EXPECT_NEAR(frechet_distance(round_gaussian({1, 2}, 2), round_gaussian({1, 2}, 2)), 0, 1e-12);
}

TEST(Frechet, OfGeneralCovariancesIsSciPysFigure) {
  const Moments a{{1, 0, -1}, {2, 0.5, 0, 0.5, 1, 0.3, 0, 0.3, 0.5}};
  const Moments b{{0.5, 2, 0}, {1, -0.2, 0.1, -0.2, 0.8, 0, 0.1, 0, 3}};
  EXPECT_NEAR(frechet_distance(a, b), 6.782207231796098, 1e-12);
  EXPECT_NEAR(frechet_distance(b, a), 6.782207231796098, 1e-12);
}

TEST(Frechet, OfSingularCovariancesStaysReal) {
  // Point masses along an axis: (1 - 2)^2 in the one dimension that there is.
  EXPECT_NEAR(frechet_distance({{0, 0}, {1, 0, 0, 0}}, {{0, 0}, {4, 0, 0, 0}}), 1, 1e-12);
  EXPECT_NEAR(frechet_distance({{0, 0}, {1, 0, 0, 0}}, {{0, 0}, {0, 0, 0, 1}}), 2, 1e-12);
}

TEST(Frechet, OfRepeatedFeaturesIsThatOfTheFeatures) {
  // The same three features twice, and one that never moves: the covariance has rank 3 of 7, and the squares add.
  const auto repeated = [](const Tensor& x) { return concat({x, x, Tensor::full({40, 1}, 5)}, 1); };
  const Moments a = moments(repeated(some_features())), b = moments(repeated(other_features()));
  EXPECT_NEAR(frechet_distance(a, b), 2 * 1.764250262681587, 1e-6);
  EXPECT_NEAR(frechet_distance(a, a), 0, 1e-6);
}

TEST(Frechet, OfSamplesIsNumPysFigure) {
  EXPECT_NEAR(frechet_distance(moments(some_features()), moments(other_features())), 1.764250262681587, 1e-10);
}

TEST(Frechet, MomentsSurviveALargeOffset) {
  Noise noise(1, "features");
  const Tensor x = noise.normal({5000, 2});
  const Moments near = moments(x), far = moments(x * 1 + 1024);
  EXPECT_NEAR(far.covariance[0], near.covariance[0], 1e-4);
  EXPECT_NEAR(far.mean[0], near.mean[0] + 1024, 1e-3);
}

TEST(Frechet, WantsMoreSamplesThanFeatures) {
  EXPECT_THAT(refusal([] { moments(Tensor::zeros({64, 64})); }), testing::HasSubstr("64 samples of 64 features"));
  EXPECT_THAT(refusal([] { moments(Tensor::zeros({64, 8, 8})); }), testing::HasSubstr("[64,8,8]"));
  EXPECT_THAT(refusal([] {
                frechet_distance(round_gaussian({0}, 1), round_gaussian({0, 0}, 1));
              }),
              testing::HasSubstr("1 and 2 features"));
}

// ---- Kernel distance

TEST(KernelDistance, OfSamplesIsNumPysFigure) {
  EXPECT_NEAR(squared_mmd(some_features(), other_features()), 2.5178557265968413, 1e-5);
}

TEST(KernelDistance, OfGaussiansIsUnbiased) {
  // x, x' ~ N(0,I), y, y' ~ N(m,I) in d dimensions, a = |m|^2, s = product/d. E(s+1)^3 from the moments of products:
  const double d = 4, a = 1;
  const double xx = 1 + 3 / d, xy = 1 + 3 * (d + a) / (d * d);
  const double yy =
      1 + 3 * a / d + 3 * (a * a + 2 * a + d) / (d * d) + (a * a * a + 3 * a * (2 * a + d) + 6 * a) / (d * d * d);
  Noise noise(1, "features");
  const Tensor shift = Tensor::from_host({4}, std::vector<real>{1, 0, 0, 0});
  const int runs = 400;
  double sum = 0, squares = 0;
  for (int i = 0; i < runs; ++i) {
    const double estimate = squared_mmd(noise.normal({50, 4}), noise.normal({50, 4}) + shift);
    sum += estimate;
    squares += estimate * estimate;
  }
  const double mean = sum / runs, deviation = std::sqrt(squares / runs - mean * mean);
  EXPECT_NEAR(mean, xx + yy - 2 * xy, 4 * deviation / std::sqrt(double(runs)));
  EXPECT_LT(deviation, 0.8);
}

TEST(KernelDistance, OfOneSubsetOfAllIsTheEstimateFromAll) {
  const Tensor a = some_features(), b = other_features();
  const KernelDistance distance = kernel_distance(a, b, Noise(1, "subsets"), {.subsets = 1});
  EXPECT_NEAR(distance.mean, squared_mmd(a, b), 1e-5);
  EXPECT_EQ(distance.deviation, 0);
}

TEST(KernelDistance, OfEqualLawsIsZeroAndMayBeNegative) {
  Noise noise(3, "features");
  const Tensor x = noise.normal({8000, 4}), y = noise.normal({8000, 4});
  const KernelDistance distance = kernel_distance(x, y, noise, {.subsets = 100, .size = 200});
  EXPECT_NEAR(distance.mean, 0, 4 * distance.deviation / 10);
  EXPECT_THAT(refusal([&] { squared_mmd(x, Tensor::zeros({8, 5})); }), testing::HasSubstr("different numbers"));
  EXPECT_THAT(refusal([&] { squared_mmd(x, Tensor::zeros({1, 4})); }), testing::HasSubstr("at least 2"));
}

// ---- Precision and recall

Tensor line(const std::vector<real>& x) { return Tensor::from_host({int64_t(x.size()), 1}, x); }

TEST(PrecisionRecall, OnALineIsCountedByHand) {
  // Real points at 0, 1, 2 and 10 with k = 1 reach 1, 1, 1 and 8: they cover [-1,3] and [2,18].
  const Tensor real_ones = line({0, 1, 2, 10});
  EXPECT_EQ(precision_recall(line({-2, real(-0.5), real(2.5), 17, 19}), real_ones, 1).precision, 0.6);
  // Samples at 0, 0.5 and 4 reach 0.5, 0.5 and 3.5: they cover [-0.5,1] and [0.5,7.5], so 0, 1 and 2.
  EXPECT_EQ(precision_recall(line({0, real(0.5), 4}), real_ones, 1).recall, 0.75);
}

TEST(PrecisionRecall, IsNumPysFigure) {
  const PrecisionRecall r = precision_recall(other_features(), some_features());
  EXPECT_EQ(r.precision, 0.5);
  EXPECT_EQ(r.recall, 0.75);
}

TEST(PrecisionRecall, TellsCollapseFromNoise) {
  Noise noise(1, "features");
  const Tensor data = noise.normal({1000, 2});
  const PrecisionRecall same = precision_recall(noise.normal({1000, 2}), data);
  EXPECT_GT(same.precision, 0.9);
  EXPECT_GT(same.recall, 0.9);
  const PrecisionRecall collapsed = precision_recall(noise.normal({1000, 2}) * real(0.1), data);
  EXPECT_GT(collapsed.precision, 0.95);
  EXPECT_LT(collapsed.recall, 0.1);
  const PrecisionRecall elsewhere = precision_recall(noise.normal({1000, 2}) + 100, data);
  EXPECT_EQ(elsewhere.precision, 0);
  EXPECT_EQ(elsewhere.recall, 0);
  EXPECT_THAT(refusal([&] { precision_recall(Tensor::zeros({3, 2}), data); }), testing::HasSubstr("at least 4"));
}

// ---- Scores of logits

TEST(ClassifierScore, IsNumPysFigure) {
  const SplitScore score = classifier_score(some_features() * 3, 3);
  EXPECT_NEAR(score.mean, 1.612015880257147, 1e-6);
  EXPECT_NEAR(score.deviation, 0.150689061038262, 1e-6);
}

TEST(ClassifierScore, LiesBetweenOneAndTheNumberOfClasses) {
  std::vector<real> certain(10 * 10, 0);
  for (size_t i = 0; i < 10; ++i) certain[11 * i] = 1000;
  EXPECT_NEAR(classifier_score(Tensor::from_host({10, 10}, certain), 1).mean, 10, 1e-9);
  EXPECT_NEAR(classifier_score(Tensor::from_host({10, 10}, certain), 10).mean, 1, 1e-9) << "a split of one";
  EXPECT_NEAR(classifier_score(Tensor::zeros({10, 10}), 1).mean, 1, 1e-9);
  EXPECT_THAT(refusal([] { classifier_score(Tensor::zeros({9, 10})); }), testing::HasSubstr("at least 10"));
}

TEST(ReverseScore, IsItsSumsByHand) {
  // p(y|x) = (3/4, 1/4), (1/2, 1/2) and (1/4, 3/4), so that p(y) = (1/2, 1/2) and KL is twice log(4/3) / 2.
  const real log3 = std::log(real(3));
  const ReverseScore score = reverse_score(Tensor::from_host({3, 2}, std::vector<real>{log3, 0, 5, 5, 0, log3}));
  const double kl = std::log(4.0 / 3) / 2;
  EXPECT_NEAR(score.plain, 2 * kl / 3, 1e-6);
  EXPECT_NEAR(score.squared, 2 * kl * kl / 3, 1e-6);
}

TEST(ReverseScore, IsZeroForOneAnswerAndFiniteForCertainOnes) {
  const ReverseScore same = reverse_score(Tensor::zeros({4, 3}) + Tensor::from_host({3}, std::vector<real>{1, 2, 0}));
  EXPECT_NEAR(same.plain, 0, 1e-12);
  EXPECT_NEAR(same.squared, 0, 1e-12);
  // p(y|x) is 1 and, too small for a double, exp(-1000): KL(p(y)||p(y|x)) = 500 - log 2.
  const ReverseScore certain = reverse_score(Tensor::from_host({2, 2}, std::vector<real>{1000, 0, 0, 1000}));
  EXPECT_NEAR(certain.plain, 500 - std::log(2), 1e-9);
  EXPECT_NEAR(certain.squared, std::pow(500 - std::log(2), 2), 1e-6);
  EXPECT_THAT(refusal([] { reverse_score(Tensor::zeros({0, 2})); }), testing::HasSubstr("reverse_score"));
}

TEST(Accuracy, CountsTheFirstOfTheLargest) {
  const Tensor logits = Tensor::from_host({3, 2}, std::vector<real>{1, 2, 3, 3, -1, -2});
  EXPECT_THAT(classes(logits), testing::ElementsAre(1, 0, 0));
  EXPECT_DOUBLE_EQ(accuracy(logits, std::vector<uint8_t>{1, 1, 0}), 2.0 / 3);
  EXPECT_THAT(refusal([&] { accuracy(logits, std::vector<uint8_t>{1}); }), testing::HasSubstr("1 labels"));
}

// ---- Calibration

TEST(Calibration, IsNumPysFigure) {
  const Calibration c = calibration(Tensor::from_host({3}, std::vector<real>{2, real(-0.5), 1}),
                                    Tensor::from_host({2}, std::vector<real>{-1, real(0.3)}), 4);
  EXPECT_NEAR(c.z, 0.16911778637348954, 1e-6);
  EXPECT_NEAR(c.ece, 0.15564438545912823, 1e-6);
  EXPECT_NEAR(c.brier, 0.17526162739936219, 1e-6);
}

TEST(Calibration, FindsTheTrueLogRatioCalibratedAndOthersNot) {
  // N(0,1) against N(1,1): the log ratio is 1/2 - x, and its Brier score the integral of (p+q)/2 D (1-D).
  Noise noise(1, "points");
  const Tensor x = noise.normal({20000}), fake = noise.normal({20000}) + 1;
  const auto ratio = [](const Tensor& t) { return real(0.5) - t; };
  const Calibration right = calibration(ratio(x), ratio(fake));
  EXPECT_LT(std::abs(right.z), 3);
  EXPECT_LT(right.ece, 0.015);
  EXPECT_NEAR(right.brier, 0.19898643, 0.003);
  const Calibration shifted = calibration(ratio(x) + 1, ratio(fake) + 1);
  EXPECT_LT(shifted.z, -20) << "says real too often";
  const Calibration sharp = calibration(ratio(x) * 4, ratio(fake) * 4);
  EXPECT_GT(sharp.ece, 0.1) << "too sure of itself, both ways";
  EXPECT_GT(sharp.brier, right.brier);
  EXPECT_THROW(calibration(Tensor::zeros({0}), fake), std::invalid_argument);
}

TEST(Calibration, SurvivesExtremeLogits) {
  const Calibration c = calibration(Tensor::full({2}, 500), Tensor::full({2}, -500));
  EXPECT_NEAR(c.brier, 0, 1e-12);
  EXPECT_NEAR(c.ece, 0, 1e-12);
  EXPECT_NEAR(calibration(Tensor::full({1}, -500), Tensor::full({1}, -500)).brier, 0.5, 1e-12);
}

// ---- Densities in the plane

/// N(0, s^2 I), up to a constant that only log Z knows.
Energy gaussian(double deviation) {
  return [deviation](const Tensor& x) { return sum_per_sample(square(x)) * real(0.5 / (deviation * deviation)) + 7; };
}

TEST(Density, OfAGaussianIsNormalised) {
  const double s = 0.2, log_z = std::log(2 * std::numbers::pi * s * s);
  const GridDensity density = normalise(gaussian(s));
  EXPECT_NEAR(density.log_partition, log_z - 7, 1e-5);
  EXPECT_NEAR(entropy(density), 1 + log_z, 1e-5);
  const Tensor points = Tensor::from_host({2, 2}, std::vector<real>{0, 0, real(0.2), 0});
  EXPECT_NEAR(log_likelihood(gaussian(s), density, points), -log_z - 0.25, 1e-5);
}

TEST(Density, OfTheDataIsTheBestModelOfThem) {
  const Mixture ring = ring_of_8_gaussians();
  const Tensor data = open_data("8gaussians", "", 1)->next(20000);
  const Energy truth = [&](const Tensor& x) {
    std::vector<real> energies;
    for (int64_t i = 0; i < x.dim(0); ++i) energies.push_back(real(-log_likelihood(ring, slice(x, 0, i, i + 1))));
    return Tensor::from_host({x.dim(0)}, energies);
  };
  const GridDensity density = normalise(truth, {.extent = 1.6, .cells = 400});
  EXPECT_NEAR(density.log_partition, 0, 1e-4);
  // Its entropy is that of a bump and of the choice among eight, which do not overlap.
  const double h = 1 + std::log(2 * std::numbers::pi * ring.deviation * ring.deviation) + std::log(8);
  EXPECT_NEAR(entropy(density), h, 1e-3);
  EXPECT_NEAR(log_likelihood(ring, data), -h, 4 / std::sqrt(20000.0));
  EXPECT_NEAR(log_likelihood(truth, density, data), log_likelihood(ring, data), 1e-3);
}

TEST(Density, RefusesWhatIsNone) {
  const auto constant = [](real value) { return [=](const Tensor& x) { return Tensor::full({x.dim(0)}, value); }; };
  const real infinity = std::numeric_limits<real>::infinity();
  EXPECT_THAT(refusal([&] { normalise(constant(std::nan("")), {.cells = 4}); }), testing::HasSubstr("NaN"));
  EXPECT_THAT(refusal([&] { normalise(constant(infinity), {.cells = 4}); }), testing::HasSubstr("finite"));
  const GridDensity flat = normalise(constant(3), {.extent = 1, .cells = 4});
  EXPECT_NEAR(entropy(flat), std::log(4.0), 1e-12);
  EXPECT_EQ(log_likelihood(constant(3), flat, Tensor::full({1, 2}, 5)), -INFINITY);
}

TEST(Histogram, CountsCellsAndWhatIsOutside) {
  const Tensor points = Tensor::from_host({5, 2}, std::vector<real>{real(-0.5), real(-0.5), real(0.5), real(-0.5),
                                                                    real(0.5), real(0.5), 1, 0, real(std::nan("")), 0});
  EXPECT_THAT(histogram(points, {.extent = 1, .cells = 2}), testing::ElementsAre(1, 1, 0, 1, 2));
}

// ---- Modes

TEST(Modes, TheDataItselfScoresWhatTheNormalLawSays) {
  for (const char* name : {"25gaussians", "8gaussians"})
    for (const double radius : {3.0, 4.0}) {
      const Mixture mixture = *mixture_of(name);
      const ModeCount count = count_modes(mixture, open_data(name, "", 1)->next(40000), radius);
      const IdealModes ideal = ideal_modes(mixture, 40000, radius);
      EXPECT_EQ(count.found, count.total);
      EXPECT_NEAR(ideal.found, count.total, 1e-9);
      const double h = ideal.high_quality;
      EXPECT_NEAR(count.high_quality, h, 4 * std::sqrt(h * (1 - h) / 40000)) << name << radius;
      EXPECT_NEAR(count.spread, ideal.spread, 0.01) << name << radius;
      const double kl = kl_divergence(shares(count.counts), uniform(count.counts.size()));
      EXPECT_LT(kl, 4 * (std::log(double(count.total)) - ideal.entropy));
    }
  EXPECT_NEAR(ideal_modes(grid_of_25_gaussians(), 1, 3).high_quality, 0.98889, 1e-5);
  EXPECT_NEAR(ideal_modes(grid_of_25_gaussians(), 1, 4).high_quality, 0.99966, 1e-5);
  EXPECT_NEAR(ideal_modes(grid_of_25_gaussians(), 1, 2).high_quality, 0.8647, 1e-4);
}

TEST(Modes, MissesAndNansCountForNothing) {
  const Mixture two{{{-1, 0}, {1, 0}}, 0.1};
  const real nan = real(std::nan(""));
  const ModeCount count =
      count_modes(two, Tensor::from_host({4, 2}, std::vector<real>{1, real(0.2), 1, real(0.4), nan, 0, 0, 0}));
  EXPECT_EQ(count.found, 1);
  EXPECT_EQ(count.total, 2);
  EXPECT_DOUBLE_EQ(count.high_quality, 0.25);
  EXPECT_THAT(count.counts, testing::ElementsAre(0, 1));
  EXPECT_NEAR(count.spread, std::sqrt(2.0), 1e-6) << "two deviations, in one of two coordinates";
  EXPECT_THAT(refusal([&] { count_modes(two, Tensor::zeros({4, 3})); }), testing::HasSubstr("[4,3]"));
}

TEST(Stacks, AreNumberedByTheirDigits) {
  const std::vector<int64_t> counts = count_stacks(std::vector<uint8_t>{1, 2, 3, 0, 0, 9, 1, 2, 3}, 3);
  ASSERT_EQ(counts.size(), 1000u);
  EXPECT_EQ(counts[123], 2);
  EXPECT_EQ(counts[9], 1);
  EXPECT_THAT(refusal([] { count_stacks(std::vector<uint8_t>{1, 2}, 3); }), testing::HasSubstr("2 digits"));
  EXPECT_THAT(refusal([] { count_stacks(std::vector<uint8_t>{10}, 1); }), testing::HasSubstr("10 is no digit"));
}

TEST(Stacks, FloorsOfTheProtocolAreThePublishedOnes) {
  // MNIST's training labels, and the floors simulated for 26 samples a mode: a uniform sampler, and stacks of real
  // digits.
  const std::vector<int64_t> labels{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949};
  EXPECT_NEAR(kl_divergence(shares(labels), uniform(10)), 0.001426, 1e-6);
  const double even[] = {0.0194, 0.0196}, real_floor[] = {0.0238, 0.0248}, error[] = {0.0003, 0.0003};
  for (int channels : {3, 4}) {
    const auto modes = size_t(std::llround(std::pow(10, channels)));
    const auto n = int64_t(26 * modes);
    const int row = channels - 3;
    EXPECT_NEAR(expected_kl_to_uniform(uniform(modes), n), even[row], error[row]);
    const Probabilities real_stacks = stack_probabilities(shares(labels), channels);
    EXPECT_NEAR(expected_kl_to_uniform(real_stacks, n), real_floor[row], error[row]);
    EXPECT_NEAR(expected_modes(real_stacks, n), double(modes), 1e-3);
  }
}

TEST(RandomRows, AreDifferentOnesAndAllOfThemAtMost) {
  Noise noise(1, "rows");
  std::vector<real> rows = random_rows(line({0, 1, 2, 3, 4}), 3, noise).to_host();
  std::sort(rows.begin(), rows.end());
  EXPECT_EQ(std::unique(rows.begin(), rows.end()), rows.end());
  EXPECT_THAT(random_rows(line({0, 1}), 9, noise).to_host(), testing::UnorderedElementsAre(0, 1));
}

}  // namespace
}  // namespace erg::tools
