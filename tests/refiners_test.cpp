// Refiners of a GAN against their laws, in one dimension, where everything is known: G(z) = mu + s z makes
// q = N(mu, s^2), the data are p = N(0, 1), and the logit is their exact log ratio.
#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

#include "kernel_runs.h"
#include "laws.h"
#include "models/ddls.h"
#include "models/dgflow.h"
#include "refiner_cases.h"
#include "samplers/langevin.h"
#include "samplers/mala.h"

namespace erg::test {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

/// Kolmogorov's statistic exceeds it once in 20,000 runs.
constexpr double rarely = 2.3;

struct Line {
  double mu, s;
  /// log p(x)/q(x)
  double log_ratio(double x) const { return std::log(s) - x * x / 2 + std::pow((x - mu) / s, 2) / 2; }
  /// Where it is largest, for s > 1.
  double log_maximum() const { return log_ratio(-mu / (s * s - 1)); }
  Tensor logit(const Tensor& x) const {
    return real(std::log(s)) + sum_per_sample(square((x - real(mu)) / real(s)) - square(x)) / 2;
  }
  GanView gan() const {
    return {.prior =
                [](int64_t count, Noise& noise) {
                  return noise.normal({count, 1});
                },
            .generate = [line = *this](const Tensor& z) { return affine(z, real(line.s), real(line.mu)); },
            .logit = [line = *this](const Tensor& x) { return line.logit(x); }};
  }
};

constexpr Line line{0.6, 1.5};

void expect_the_data(const Tensor& x) {
  expect_normal_law(x, 0, 1);
  EXPECT_LT(kolmogorov(x, normal_law(0, 1)), rarely);
}

// ---- DRS

TEST(Drs, IsExactWithAKnownMaximumAndKeepsOneInM) {
  Noise noise(1, "test");
  const Drs drs{.batch = 1000, .gamma = 0, .log_maximum = line.log_maximum()};
  const Refined refined = drs.sample(line.gan(), 20000, noise);
  EXPECT_EQ(refined.samples.shape(), (Shape{20000, 1}));
  expect_the_data(refined.samples);
  const double kept = std::exp(-line.log_maximum()), error = kept * std::sqrt((1 - kept) / 20000);
  EXPECT_NEAR(refined.acceptance, kept, 4.5 * error);
  EXPECT_NEAR(refined.calls, 1 / kept, 0.1);
}

TEST(Drs, FindsTheMaximumByItsPilot) {
  Noise noise(2, "test");
  expect_the_data(Drs{.gamma = 0}.sample(line.gan(), 10000, noise).samples);
}

TEST(Drs, KeepsACandidateWithTheProbabilityOfRejectionSampling) {
  const Drs drs;
  for (const double below : {-40.0, -5.0, -1.0, -1e-3, 0.0})
    EXPECT_NEAR(drs.chance(3 + below, 3, 0), std::exp(below), 2e-6 * std::exp(below));
  EXPECT_EQ(drs.chance(std::nan(""), 3, 0), 0);
  EXPECT_EQ(drs.chance(-std::numeric_limits<double>::infinity(), 3, 0), 0);
  EXPECT_DOUBLE_EQ(drs.chance(2, 3, drs.margin(2, 3)), 0.5) << "gamma is where one in two is kept";
}

/// At least the share above the percentile is kept by half or more, and a higher percentile keeps fewer.
TEST(Drs, KeepsFewerByAHigherPercentile) {
  double before = 1;
  for (const double percentile : {20.0, 60.0, 95.0}) {
    Noise noise(3, "test");
    const double kept = Drs{.percentile = percentile}.sample(line.gan(), 3000, noise).acceptance;
    EXPECT_GT(kept, 0.5 * (1 - percentile / 100));
    EXPECT_LT(kept, before);
    before = kept;
  }
}

TEST(Drs, RaisesAMaximumThatWasTooLow) {
  GanView gan = line.gan();
  gan.prior = [](int64_t count, Noise&) { return Tensor::zeros({count, 1}); };  // all candidates score the same
  Noise noise(4, "test");
  const Refined refined = Drs{.gamma = 0, .log_maximum = -100}.sample(gan, 100, noise);
  EXPECT_DOUBLE_EQ(refined.acceptance, 1) << "each is the maximum";
}

TEST(Drs, SaysWhenItFindsTooFew) {
  Noise noise(5, "test");
  const Drs hopeless{.gamma = 0, .log_maximum = 60, .patience = 50};
  EXPECT_THAT([&] { hopeless.sample(line.gan(), 10, noise); },
              ThrowsMessage<ExhaustedError>(HasSubstr("only 0 of 10 samples in 5")));
  EXPECT_THAT([&] { (Drs{.percentile = 101}).sample(line.gan(), 1, noise); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("[0,100], got 101")));
}

// ---- MH-GAN

TEST(MhGan, ReturnsTheDataFromTheirOwnScoresAndFromNone) {
  Noise noise(6, "test");
  const Tensor start = line.logit(noise.normal({5000, 1}));
  expect_the_data(MhGan{.proposals = 30, .start = start}.sample(line.gan(), 20000, noise).samples);
  expect_the_data(MhGan{.proposals = 60}.sample(line.gan(), 20000, noise).samples);
}

/// In equilibrium the mean probability of acceptance is E min(1, r(x')/r(x)), with x of p and x' of q.
TEST(MhGan, AcceptsAsOftenAsItShould) {
  Noise noise(7, "test");
  const Tensor x = noise.normal({20000, 1}), y = line.gan().generate(noise.normal({20000, 1}));
  const double expected = double(mean(exp(minimum(line.logit(y) - line.logit(x), Tensor::zeros({1})))).item());
  const Refined refined = MhGan{.proposals = 40, .start = line.logit(x)}.sample(line.gan(), 5000, noise);
  EXPECT_NEAR(refined.acceptance, expected, 0.01);
  EXPECT_GE(refined.calls, 41);
}

TEST(MhGan, NeverReturnsTheRealSampleItStartsAt) {
  Noise noise(8, "test");
  const Tensor start = Tensor::full({1}, real(line.log_maximum()));
  const Refined refined = MhGan{.proposals = 1, .start = start, .patience = 200}.sample(line.gan(), 2000, noise);
  EXPECT_GT(refined.calls, 2) << "some did not move at once, and went on";
  // Each chain's first move is a draw by rejection, which is exact.
  expect_the_data(refined.samples);
}

TEST(MhGan, RefusesProposalsWithoutANumber) {
  GanView gan = line.gan();
  gan.logit = [](const Tensor& x) { return 0 * sum_per_sample(sqrt(x)); };  // NaN below zero
  Noise noise(9, "test");
  const auto x = MhGan{.proposals = 20}.sample(gan, 1000, noise).samples.to_host();
  EXPECT_GE(*std::min_element(x.begin(), x.end()), 0);
}

TEST(MhGan, SaysWhenAChainNeverMoves) {
  Noise noise(10, "test");
  const MhGan stuck{.proposals = 3, .start = Tensor::full({1}, 500), .patience = 2};
  EXPECT_THAT([&] { stuck.sample(line.gan(), 4, noise); },
              ThrowsMessage<ExhaustedError>(HasSubstr("4 of 4 chains accepted none of 6 proposals")));
  EXPECT_THAT(
      [&] {
        (MhGan{.start = Tensor::zeros({2, 2})}).sample(line.gan(), 4, noise);
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("[R], got [2,2]")));
}

// ---- DDLS by an exact sampler, with a logit that calibration gave back

TEST(Ddls, IsExactByMalaOnACalibratedLogit) {
  GanView distorted = line.gan();
  distorted.logit = [](const Tensor& x) { return (line.logit(x) - real(0.7)) / real(2.5); };
  const GanView gan = calibrated(distorted, Beta1{real(0.7), real(2.5)});
  Noise noise(11, "test");
  const Tensor z = run(Mala{real(0.15)}, ddls_energy(gan), noise.normal({20000, 1}), 100, noise);
  expect_the_data(gan.generate(z));
}

// ---- DG-flow

/// Each divergence's drift is s(d) grad d, s = 1, sigmoid(d), sigmoid(-d).
TEST(DgFlow, DriftsAsTheDivergencesDo) {
  Noise noise(12, "test");
  const GanView gan = line.gan();
  const Tensor z = noise.normal({200, 1});
  const Tensor d = gan.latent_logit(z);
  const Tensor of_d = energy_and_gradient([&](const Tensor& at) { return gan.latent_logit(at); }, z).gradient;
  const struct {
    FlowDivergence divergence;
    Tensor scale;
  } rows[] = {{FlowDivergence::kl, Tensor::ones({200})},
              {FlowDivergence::js, sigmoid(d)},
              {FlowDivergence::log_d, sigmoid(-d)}};
  for (const auto& [divergence, scale] : rows) {
    const auto drift = (-energy_and_gradient(dgflow_energy(gan, divergence), z).gradient).to_host();
    const auto expected = (reshape(scale, {200, 1}) * of_d).to_host();
    for (size_t i = 0; i < drift.size(); ++i) EXPECT_NEAR(drift[i], expected[i], 1e-5);
  }
}

/// With mu = 0 and d at rest, KL's chain ends in N(0, gamma / (s^2 - 1)) but for its step size, and log D's in the
/// density D^(1/gamma).
TEST(DgFlow, EndsInTheLawThatADiscriminatorAtRestGives) {
  const Line wide{0, 1.5};
  const double gamma = 0.5, curvature = wide.s * wide.s - 1, eta = 0.02;
  const Langevin step = Langevin::tempered(real(eta), real(std::sqrt(2 * eta * gamma)));
  Noise noise(13, "test");
  const auto chains = [&](FlowDivergence divergence) {
    return run(step, dgflow_energy(wide.gan(), divergence), noise.normal({20000, 1}), 400, noise);
  };
  expect_normal_law(chains(FlowDivergence::kl), 0, gamma / curvature / (1 - eta * curvature / 2));
  const Law of_log_d([&](double z) { return std::pow(1 + std::exp(-wide.log_ratio(wide.s * z)), -1 / gamma); }, -8, 8);
  EXPECT_LT(kolmogorov(chains(FlowDivergence::log_d), of_log_d), rarely);
}

// ---- DOT

/// d(x) = a |x| downhill to a point: with k below its slope all mass goes there, with k above none moves.
TEST(Dot, TransportsWhereTheCriticIsSteeperThanK) {
  const Energy peak = [](const Tensor& x) { return -3 * sum_per_sample(abs(x - 1)); };
  const Tensor y = Tensor::from_host({5, 1}, std::vector<real>{-2, -1, 0, real(1.5), 2});
  Dot dot = Dot::data(-2, 2);
  dot.updates = 800;
  for (const real x : dot.transport(peak, y, 2).to_host()) EXPECT_NEAR(x, 1, 0.03) << "two steps, 0.01 (1 + 3/2) each";
  const auto stayed = dot.transport(peak, y, 6).to_host(), from = y.to_host();
  for (size_t i = 0; i < stayed.size(); ++i) EXPECT_NEAR(stayed[i], from[i], 0.02);
}

/// On a linear critic k is its slope exactly, and along it every point is a minimum: y, where the search starts, is
/// one, and stays.
TEST(Dot, LeavesEveryPointOfARayWhereItIs) {
  const Energy linear = [](const Tensor& x) { return 4 * sum_per_sample(x); };
  Noise noise(14, "test");
  const Tensor y = noise.uniform({50, 1}, -1, 1);
  const real k = Dot::slope(linear, y, noise.uniform({50, 1}, -1, 1));
  EXPECT_NEAR(k, 4, 1e-3);
  const auto moved = Dot::data(-2, 2).transport(linear, y, k).to_host(), from = y.to_host();
  for (size_t i = 0; i < moved.size(); ++i) EXPECT_NEAR(moved[i], from[i], 1e-3);
  for (const real x : Dot{.updates = 1000, .tangential = false, .high = 1}.transport(linear, y, 2).to_host())
    EXPECT_EQ(x, 1) << "steeper than k: to the end of the box";
}

/// Descent on the tangent turns z towards the critic's direction; its length grows by second order alone.
TEST(Dot, StaysOnTheSphereOfANormalPrior) {
  Noise noise(15, "test");
  const Tensor z = noise.normal({30, 64});
  const Energy uphill = [](const Tensor& at) { return sum_per_sample(slice(at, 1, 0, 1)); };
  const Tensor moved = Dot::latent_normal().transport(uphill, z, real(0.2));
  const auto before = sum_per_sample(square(z)).to_host(), after = sum_per_sample(square(moved)).to_host();
  for (size_t i = 0; i < before.size(); ++i) EXPECT_NEAR(after[i] / before[i], 1, 0.02);
  const auto gain = (uphill(moved) - uphill(z)).to_host();
  EXPECT_GT(*std::min_element(gain.begin(), gain.end()), 0.3);
}

TEST(Dot, RefusesWhatMakesNoTransport) {
  Noise noise(16, "test");
  const Tensor y = Tensor::zeros({3, 1});
  const Energy without_numbers = [](const Tensor& x) { return sum_per_sample(log(x - 1)); };
  EXPECT_THAT([&] { Dot::slope(without_numbers, y, y + 1); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("expected finite scores")));
  EXPECT_THAT([&] { (Dot{.space = Dot::Space::data}).check(); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("latent space alone")));
}

// ---- What holds for all of them

class EachRefiner : public testing::TestWithParam<RefinerCase> {
 protected:
  static std::vector<real> samples(int64_t count, uint64_t seed = 18) {
    Noise noise(seed, "test");
    return GetParam().sample(small_gan(), count, noise).samples.to_host();
  }
};

INSTANTIATE_TEST_SUITE_P(All, EachRefiner, testing::ValuesIn(refiner_cases()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(EachRefiner, MakesSamplesThatDoNotSeeEachOther) {
  const auto all = samples(300), few = samples(7);
  ASSERT_EQ(all.size(), 600u);
  EXPECT_EQ(std::vector<real>(all.begin(), all.begin() + 14), few);
  EXPECT_NE(samples(7, 19), few);
}

TEST_P(EachRefiner, HasTheSameBitsOnAnyNumberOfThreads) {
  set_threads(1);
  const auto one = samples(500);
  for (const int threads : {2, 3}) {
    set_threads(threads);
    EXPECT_EQ(samples(500), one);
  }
  set_threads(1);
}

TEST_P(EachRefiner, RecordsNothingOnATapeAround) {
  Tape tape;
  const Tensor watched = Tensor::ones({3});
  tape.watch(watched);
  GanView gan = small_gan();
  gan.prior = [&](int64_t count, Noise& noise) { return watched * noise.normal({count, 3}); };
  Noise noise(20, "test");
  EXPECT_FALSE(tape.knows(GetParam().sample(gan, 4, noise).samples));
  EXPECT_EQ(tape.size(), 1u);
}

TEST(Refiners, ThatFollowAGradientRefuseALogitThatHasNone) {
  Noise noise(21, "test");
  const Isotonic flat = Isotonic::fit({noise.normal({50}) + 1, noise.normal({50})});
  const GanView gan = calibrated(line.gan(), flat);
  EXPECT_THAT([&] { ddls_energy(gan); }, ThrowsMessage<std::invalid_argument>(HasSubstr("[ddls] follows")));
  EXPECT_THAT([&] { dgflow_energy(gan, FlowDivergence::kl); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("[dgflow] follows")));
  EXPECT_THAT([&] { Dot().sample(gan, 4, noise); }, ThrowsMessage<std::invalid_argument>(HasSubstr("Beta1 or Beta2")));
  EXPECT_EQ(MhGan{.proposals = 5}.sample(gan, 4, noise).samples.shape(), (Shape{4, 1}));
}

}  // namespace
}  // namespace erg::test
