// Samplers against the laws they are meant to have. Adjusted samplers are tested at steps so large that an unadjusted
// one would be plainly wrong.
#include <gmock/gmock.h>

#include <map>

#include "laws.h"
#include "models/ddls.h"
#include "samplers/adapt.h"
#include "samplers/annealed.h"
#include "samplers/hmc.h"
#include "samplers/langevin.h"
#include "samplers/mala.h"
#include "samplers/preconditioned.h"
#include "samplers/tempering.h"
#include "samplers/underdamped.h"

namespace erg::test {
namespace {

constexpr int64_t chains = 40000;
constexpr double rarely = 1.95;  // Kolmogorov's statistic exceeds this once in a thousand

Tensor wells(const Tensor& x) { return double_well(x, 1); }

/// A Gaussian with means 1 and -2, deviations 1 and 1/2, correlation 0.8.
Tensor correlated(const Tensor& x) {
  const Tensor a = slice(x, 1, 0, 1) - 1, b = (slice(x, 1, 1, 2) + 2) * 2;
  return sum_per_sample(square(a) + square(b) - real(1.6) * a * b) / real(2 * (1 - 0.64));
}

/// Means, variances and covariance of rows [n,2], within 4.5 standard errors of those of `correlated`.
void expect_correlated(const Tensor& x) {
  const auto v = x.to_host();
  const double n = double(x.dim(0)), errors = 4.5;
  double mean_a = 0, mean_b = 0, aa = 0, bb = 0, ab = 0;
  for (size_t i = 0; i < v.size(); i += 2) mean_a += double(v[i]) / n, mean_b += double(v[i + 1]) / n;
  for (size_t i = 0; i < v.size(); i += 2) {
    const double a = double(v[i]) - mean_a, b = double(v[i + 1]) - mean_b;
    aa += a * a / n, bb += b * b / n, ab += a * b / n;
  }
  EXPECT_NEAR(mean_a, 1, errors / std::sqrt(n));
  EXPECT_NEAR(mean_b, -2, errors * 0.5 / std::sqrt(n));
  EXPECT_NEAR(aa, 1, errors * std::sqrt(2 / n));
  EXPECT_NEAR(bb, 0.25, errors * 0.25 * std::sqrt(2 / n));
  EXPECT_NEAR(ab, 0.4, errors * 0.5 * std::sqrt((1 + 0.64) / n));
}

// ---- Exact samplers: one suite for each

template <class S>
struct Exact;

template <>
struct Exact<Mala> {
  static constexpr Mala large{1}, on_wells{real(0.1)}, on_correlated{real(0.05)};
};

template <>
struct Exact<Hmc> {
  static constexpr Hmc large{.step_size = 1, .leapfrog_steps = 3, .jitter = real(0.3)},
      on_wells{.step_size = real(0.3), .leapfrog_steps = 5}, on_correlated{.step_size = real(0.3), .leapfrog_steps = 5};
};

template <class S>
class ExactSampler : public testing::Test {};
using ExactSamplers = testing::Types<Mala, Hmc>;
TYPED_TEST_SUITE(ExactSampler, ExactSamplers);

TYPED_TEST(ExactSampler, HasTheGaussiansMomentsAndDistribution) {
  Noise noise(1, "test");
  const Tensor x = run(Exact<TypeParam>::large, quadratic, noise.uniform({chains, 1}, -2, 3), 60, noise);
  expect_normal_law(x, 0, 1);
  EXPECT_LT(kolmogorov(x, normal_law(0, 1)), rarely);
}

TYPED_TEST(ExactSampler, HasTheMomentsOfACorrelatedGaussian) {
  Noise noise(2, "test");
  expect_correlated(run(Exact<TypeParam>::on_correlated, correlated, noise.normal({chains, 2}), 200, noise));
}

TYPED_TEST(ExactSampler, HasTheDistributionOfTheDoubleWell) {
  Noise noise(3, "test");
  const Tensor x = run(Exact<TypeParam>::on_wells, wells, noise.uniform({chains, 1}, -2, 1), 300, noise);
  EXPECT_LT(kolmogorov(x, double_well_law(1)), rarely);
}

TYPED_TEST(ExactSampler, RecordsRejectedStatesAndTheirShare) {
  Noise noise(4, "test");
  Chains few(noise.normal({200, 1}));
  const Draws draws = record(Exact<TypeParam>::large, quadratic, few, 200, 1, noise);
  const auto x = draws.x.to_host();
  int64_t repeats = 0;
  for (size_t i = 0; i < x.size(); ++i)
    if (i % 200 != 0) repeats += x[i] == x[i - 1];
  const double acceptance = moments(draws.acceptance).mean, n = 200 * 199;
  EXPECT_GT(repeats, 0);
  EXPECT_NEAR(double(repeats) / n, 1 - acceptance, 4.5 * std::sqrt(acceptance * (1 - acceptance) / n));
  // The energy kept is that of the state kept.
  const auto energies = draws.energy.to_host();
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(energies[i], x[i] * x[i] / 2, 1e-5f);
}

TYPED_TEST(ExactSampler, IsExactWithAStepSizeForEachChain) {
  Noise noise(22, "test");
  Chains rows(noise.uniform({chains, 1}, -2, 3));
  rows.step_size = noise.uniform({chains}, real(0.2), real(1.2));
  advance(Exact<TypeParam>::large, quadratic, rows, 100, noise);
  expect_normal_law(rows.x, 0, 1);
  EXPECT_LT(kolmogorov(rows.x, normal_law(0, 1)), rarely);
}

// ---- Detailed balance: in equilibrium as many chains go from cell i to cell j as from j to i

/// The sum over pairs of cells of (n_ij - n_ji)^2 / (n_ij + n_ji), and how many pairs were seen: chi-square with that
/// many degrees of freedom when the sampler is reversible.
template <Sampler S>
double excess_flow(const S& sampler, const Energy& energy, const Law& law, int64_t steps, uint64_t seed) {
  const int64_t n = 400000;
  const int cells = 6;
  Noise noise(seed, "balance");
  const Tensor before = exact_draws(law, n, noise.uniform({n}, real(1e-6)).to_host());
  const auto a = before.to_host(), b = run(sampler, energy, before, steps, noise).to_host();
  std::map<std::pair<int, int>, double> flow;
  const auto cell = [&](real x) { return std::min(cells - 1, int(law.cdf(double(x)) * cells)); };
  for (size_t k = 0; k < a.size(); ++k) flow[{cell(a[k]), cell(b[k])}] += 1;
  double chi_square = 0, pairs = 0;
  for (int i = 0; i < cells; ++i)
    for (int j = 0; j < i; ++j)
      if (const double both = flow[{i, j}] + flow[{j, i}]; both > 0)
        chi_square += std::pow(flow[{i, j}] - flow[{j, i}], 2) / both, pairs += 1;
  return (chi_square - pairs) / std::sqrt(2 * pairs);
}

TYPED_TEST(ExactSampler, IsInDetailedBalance) {
  EXPECT_LT(excess_flow(Exact<TypeParam>::large, quadratic, normal_law(0, 1), 1, 5), 4);
  EXPECT_LT(excess_flow(Exact<TypeParam>::on_wells, wells, double_well_law(1), 1, 6), 4);
}

TEST(DetailedBalance, CatchesASamplerThatHasNone) {
  EXPECT_GT(excess_flow(Langevin::exact(real(0.1)), wells, double_well_law(1), 1, 7), 20);
}

// ---- DDLS with an exact sampler, end to end

/// G(z) = 1.5 z + 1 and d = log p/q for the data's law p = N(1, 0.7^2): the chain in z must give p itself.
TEST(Mala, MakesDdlsExact) {
  Noise noise(8, "test");
  const auto generate = [](const Tensor& z) { return affine(z, real(1.5), 1); };
  const auto gaussian = [](const Tensor& x, real sigma) { return sum_per_sample(square((x - 1) / sigma)) / 2; };
  const Energy energy =
      ddls_energy(generate, [=](const Tensor& x) { return gaussian(x, real(1.5)) - gaussian(x, real(0.7)); });
  const Tensor x = generate(run(Mala{real(0.15)}, energy, noise.normal({chains, 1}), 100, noise));
  expect_normal_law(x, 1, 0.49);
  EXPECT_LT(kolmogorov(x, normal_law(1, 0.49)), rarely);
}

// ---- Temperatures

TEST(Langevin, AnyDriftAndNoiseSampleTheirTemperature) {
  const struct {
    real drift, noise;
  } pairs[] = {{real(0.02), real(0.2)}, {real(0.05), real(0.1)}, {real(0.01), real(0.5)}};
  for (const auto& [drift, scale] : pairs) {
    Noise noise(9, "test");
    const Langevin sampler = Langevin::tempered(drift, scale);
    const double temperature = double(scale) * double(scale) / (2 * double(drift));
    EXPECT_NEAR(sampler.temperature(), temperature, 1e-4);
    const Tensor x = run(sampler, quadratic, noise.normal({chains, 1}), int64_t(4 / drift), noise);
    expect_normal_law(x, 0, temperature / (1 - double(drift) / 2));
  }
}

TEST(Annealed, EndsInTheLawOfItsLastLevel) {
  Noise noise(10, "test");
  const auto ladder = temperature_ladder(real(0.1), 20, 5);
  ASSERT_EQ(ladder.size(), 5u);
  EXPECT_NEAR(ladder.front().temperature(), 20, 1e-4);
  EXPECT_NEAR(ladder[2].temperature(), std::sqrt(20.0), 1e-4);
  EXPECT_NEAR(ladder.back().temperature(), 1, 1e-5);
  const Tensor x = run(Annealed{ladder, 60}, quadratic, Tensor::full({chains, 1}, 5), 300, noise);
  expect_normal_law(x, 0, 1 / (1 - 0.05));
}

TEST(Annealed, FindsBothWellsWhereAColdChainStaysInOne) {
  Noise noise(11, "test");
  const auto deep = [](const Tensor& x) { return double_well(x, 12); };
  const auto share_right = [](const Tensor& x) {
    const auto v = x.to_host();
    return double(std::count_if(v.begin(), v.end(), [](real value) { return value > 0; })) / double(v.size());
  };
  const Tensor start = Tensor::full({4000, 1}, -1);
  EXPECT_LT(share_right(run(Langevin::exact(real(0.002)), deep, start, 600, noise)), 0.01);
  const Tensor annealed = run(Annealed{temperature_ladder(real(0.002), 20, 6), 300}, deep, start, 1800, noise);
  EXPECT_NEAR(share_right(annealed), 0.5, 4.5 * 0.5 / std::sqrt(4000.0));
}

/// Data N(0, 0.3^2) smoothed by sigma_i has the energy x^2 / (2 (0.09 + sigma_i^2)).
TEST(Annealed, FollowsALadderOfNoiseLevels) {
  Noise noise(12, "test");
  const std::vector<real> sigmas{2, 1, real(0.5), real(0.25)};
  const auto ladder = noise_ladder(real(0.02), sigmas);
  EXPECT_NEAR(ladder.front().drift, 0.02 / 2 * 64, 1e-5);
  const auto energy_of = [&](size_t i) -> Energy {
    return [variance = real(0.09) + sigmas[i] * sigmas[i]](const Tensor& x) { return quadratic(x) / variance; };
  };
  const Tensor x = anneal(ladder, energy_of, noise.uniform({chains, 1}, -8, 8), 120, noise);
  const double variance = 0.09 + 0.0625;
  expect_normal_law(x, 0, variance / (1 - 0.01 / variance / 2));
}

// ---- Parallel tempering

TEST(ParallelTempering, HasTheLawOfEachTemperature) {
  Noise noise(13, "test");
  const ParallelTempering tempering{{1, 2, 5}, real(0.1)};
  Chains replicas = tempering.replicate(noise.normal({10000, 1}));
  advance(tempering, wells, replicas, 300, noise);
  EXPECT_LT(kolmogorov(tempering.at(replicas.x, 0), double_well_law(1)), rarely);
  EXPECT_LT(kolmogorov(tempering.at(replicas.x, 1), double_well_law(1, 2)), rarely);
  EXPECT_LT(kolmogorov(tempering.at(replicas.x, 2), double_well_law(1, 5)), rarely);
}

TEST(ParallelTempering, CrossesABarrierThatStopsMala) {
  Noise noise(14, "test");
  const auto deep = [](const Tensor& x) { return double_well(x, 12); };
  const Tensor start = Tensor::full({2000, 1}, -1);
  EXPECT_LT(moments(run(Mala{real(0.005)}, deep, start, 800, noise)).mean, -0.9);

  const ParallelTempering tempering{{1, 2, 4, 8, 16}, real(0.005)};
  Chains replicas = tempering.replicate(start);
  advance(tempering, deep, replicas, 800, noise);
  const Tensor cold = tempering.at(replicas.x, 0);
  EXPECT_LT(kolmogorov(cold, double_well_law(12)), 2.3);
  for (const real rate : tempering.exchange_rates(replicas)) {
    EXPECT_GT(rate, 0.3);
    EXPECT_LT(rate, 1);
  }
}

/// Replicas of E = x^2/2 at temperatures 1 and T in equilibrium: by symmetry the mean of
/// min(1, exp((1 - 1/T)(E_1 - E_T))) is 2 P(E_1 > E_T) = 2 P(|x| > sqrt(T) |w|) for two unit Gaussians x and w, an
/// angle.
TEST(ParallelTempering, ExchangesAtTheRateTheLawGives) {
  Noise noise(15, "test");
  const double hot = 4;
  const ParallelTempering tempering{{1, real(hot)}, 1};
  Chains replicas = tempering.replicate(noise.normal({10000, 1}));
  advance(tempering, quadratic, replicas, 200, noise);
  const double expected = 4 / M_PI * std::atan(1 / std::sqrt(hot));
  EXPECT_NEAR(tempering.exchange_rates(replicas)[0], expected, 0.01);
}

TEST(ParallelTempering, ExchangesEvenPairsThenOddOnes) {
  Noise noise(24, "test");
  const ParallelTempering tempering{{1, 2, 3}, real(0.1)};
  Chains replicas = tempering.replicate(noise.normal({100, 1}));
  advance(tempering, quadratic, replicas, 1, noise);
  EXPECT_GT(tempering.exchange_rates(replicas)[0], 0);
  EXPECT_EQ(tempering.exchange_rates(replicas)[1], 0);
  advance(tempering, quadratic, replicas, 1, noise);
  EXPECT_GT(tempering.exchange_rates(replicas)[1], 0.3);
}

// ---- Samplers with a momentum or a preconditioner

/// On a Gaussian the positions of BAOAB have the exact variance at any stable step (Leimkuhler & Matthews 2013).
TEST(Underdamped, IsExactOnAGaussian) {
  for (const real h : {real(0.25), real(1), real(1.6)}) {
    Noise noise(16, "test");
    const Tensor x = run(Underdamped{h, 1}, quadratic, Tensor::full({chains, 1}, 2), int64_t(30 / h), noise);
    expect_normal_law(x, 0, 1);
  }
}

/// Without a force the momentum is an autoregression with coefficient exp(-friction h).
TEST(Underdamped, ForgetsItsMomentumAtTheRateOfTheFriction) {
  Noise noise(23, "test");
  const auto flat = [](const Tensor& x) { return sum_per_sample(x) * 0; };
  Chains rows(Tensor::zeros({chains, 1}));
  const Underdamped sampler{real(0.5), real(1.5)};
  advance(sampler, flat, rows, 1, noise);
  expect_normal_law(rows.momentum, 0, 1);
  const Tensor before = rows.momentum;
  advance(sampler, flat, rows, 1, noise);
  expect_normal_law(rows.momentum, 0, 1);
  EXPECT_NEAR(moments(before * rows.momentum).mean, std::exp(-0.75), 4.5 * std::sqrt(2.0 / chains));
}

TEST(Underdamped, ComesCloseOnTheDoubleWell) {
  Noise noise(17, "test");
  const Tensor x = run(Underdamped{real(0.05), 2}, wells, noise.normal({chains, 1}), 400, noise);
  EXPECT_LT(kolmogorov(x, double_well_law(1)), rarely);
}

/// With its scales G held fixed, coordinate i has the unadjusted law for step eta G_i: variance s_i^2 / (1 - eta G_i /
/// (2 s_i^2)).
TEST(Preconditioned, HasTheUnadjustedLawOfEachCoordinatesStep) {
  Noise noise(18, "test");
  const Preconditioned sampler{.eta = real(0.1), .decay = 1, .lambda = real(1e-5)};
  Chains rows(noise.normal({chains, 2}));
  rows.mean_square = broadcast_to(Tensor::from_host({1, 2}, std::vector<real>{1, real(0.0625)}), {chains, 2});
  const auto energy = [](const Tensor& x) {
    return sum_per_sample(square(x / Tensor::from_host({1, 2}, std::vector<real>{1, 2}))) / 2;
  };
  advance(sampler, energy, rows, 150, noise);
  expect_normal_law(slice(rows.x, 1, 0, 1), 0, 1 / (1 - 0.05));
  expect_normal_law(slice(rows.x, 1, 1, 2), 0, 4 / (1 - 0.1 * 4 / (2 * 4)));
}

/// Deviations 0.1 and 3: G comes to each coordinate's deviation s, and the law to that of a step eta G = 0.03 s. The
/// scales are still moving a little, since v remembers about 1000 steps.
TEST(Preconditioned, FindsTheScalesOfItsCoordinates) {
  Noise noise(19, "test");
  const auto scales = Tensor::from_host({1, 2}, std::vector<real>{real(0.1), 3});
  const auto energy = [=](const Tensor& x) { return quadratic(x / scales); };
  const Preconditioned sampler{.eta = real(0.03), .decay = real(0.999), .lambda = real(1e-5)};
  const Tensor z = run(sampler, energy, noise.normal({4000, 2}) * scales, 3000, noise) / scales;
  EXPECT_NEAR(moments(slice(z, 1, 0, 1)).variance, 1 / (1 - 0.03 / 0.1 / 2), 0.1);
  EXPECT_NEAR(moments(slice(z, 1, 1, 2)).variance, 1 / (1 - 0.03 / 3 / 2), 0.1);
}

TEST(Preconditioned, DoesNotLeapFromAMode) {
  Noise noise(25, "test");
  const Tensor x = run(Preconditioned{.eta = real(0.02)}, quadratic, Tensor::zeros({1000, 1}), 1, noise);
  EXPECT_LT(moments(x).variance, 0.1);
}

// ---- Step sizes

/// Three updates of Hoffman & Gelman's equations, in double.
TEST(DualAveraging, FollowsItsEquations) {
  DualAveraging adaptation(Tensor::full({1}, real(0.1)), real(0.8));
  const double mu = std::log(1.0), acceptances[] = {0.2, 1, 0.6};
  double error = 0, average = std::log(0.1);
  for (int m = 1; m <= 3; ++m) {
    const double acceptance = acceptances[m - 1];
    const Tensor step = adaptation.update(Tensor::full({1}, real(acceptance)));
    error = (1 - 1 / (m + 10.0)) * error + (0.8 - acceptance) / (m + 10.0);
    const double log_step = mu - std::sqrt(m) / 0.05 * error;
    average = std::pow(m, -0.75) * log_step + (1 - std::pow(m, -0.75)) * average;
    EXPECT_NEAR(step.item(), std::exp(log_step), 1e-4 * std::exp(log_step)) << m;
    EXPECT_NEAR(adaptation.average().item(), std::exp(average), 1e-4 * std::exp(average)) << m;
  }
}

TYPED_TEST(ExactSampler, IsAdaptedToItsTargetAcceptance) {
  Noise noise(20, "test");
  const auto narrow = [](const Tensor& x) { return quadratic(x) * 100; };
  Chains rows(noise.normal({200, 8}) / 10);
  warm_up(Exact<TypeParam>::large, real(0.7), narrow, rows, 1000, noise);
  const Trace trace = advance(Exact<TypeParam>::large, narrow, rows, 300, noise);
  EXPECT_NEAR(moments(trace.acceptance).mean, 0.7, 0.1);
  const auto steps = rows.step_size.to_host();
  EXPECT_LT(*std::max_element(steps.begin(), steps.end()), 0.5) << "the first step was 1, far too large";
  EXPECT_NE(steps[0], steps[1]) << "each chain has its own";
}

}  // namespace
}  // namespace erg::test
