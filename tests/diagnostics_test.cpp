// Convergence diagnostics: ArviZ's figures on chains of every kind, laws they must obey, and what they refuse to tell.
#include "samplers/diagnostics.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/random.h"

namespace erg::test {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;
using Values = std::vector<double>;

constexpr double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();

// ---- Chains

/// Uniform numbers in [-1/2, 1/2).
Values uniform(int64_t n, uint64_t seed) {
  const auto u = Noise(seed, "test").uniform({n}).to_host();
  Values values(u.begin(), u.end());
  for (double& value : values) value -= 0.5;
  return values;
}

/// x[t] = rho x[t-1] + u[t], as floats: what a file would hold. All else is double, so that every compiler and
/// instruction set makes the same draws.
Quantity autoregressive(int64_t chains, int64_t draws, double rho, uint64_t seed) {
  constexpr int64_t warmup = 200;
  const Values u = uniform(chains * (draws + warmup), seed);
  Quantity x{chains, draws, {}};
  for (int64_t i = 0; i < chains; ++i) {
    double state = 0;
    for (int64_t t = 0; t < draws + warmup; ++t) {
      state = rho * state + u[size_t(i * (draws + warmup) + t)];
      if (t >= warmup) x.values.push_back(float(state));
    }
  }
  return x;
}

/// The same with each draw of chain i replaced by float(f(i, draw)).
template <class F>
Quantity changed(Quantity x, const F& f) {
  for (size_t k = 0; k < x.values.size(); ++k) x.values[k] = float(f(int64_t(k) / x.draws, x.values[k]));
  return x;
}

Tensor to_tensor(const Quantity& x) {
  return Tensor::from_host({x.chains, x.draws}, std::vector<real>(x.values.begin(), x.values.end()));
}

// ---- ArviZ

/// Figures of ArviZ 0.23.4 (NumPy 2.4.6, SciPy 1.17.1) on the same draws x, written as npy and read as
/// x = numpy.load(file).astype(float): az.rhat(x), az.ess(x, method=m) for m in "mean", "bulk", "tail", and
/// az.mcse(x, method=m) for m in "mean", "sd". ArviZ has no R-hat for one chain; there it is the larger
/// az.stats.diagnostics._rhat of _z_scale(s) and _z_scale(abs(s - numpy.median(s))) with s = _split_chains(x).
struct Reference {
  const char* name;
  Quantity (*x)();
  double rhat, ess_mean, ess_bulk, ess_tail, mcse_mean, mcse_sd;
};

const Reference references[] = {
    {"Independent", [] { return autoregressive(4, 1000, 0, 1); }, 0.999567957859, 4046.53963635, 4084.55560121,
     3892.41666734, 0.00455909303683, 0.00202495888535},
    {"Correlated", [] { return autoregressive(4, 1000, 0.9, 2); }, 1.01609190255, 231.028494285, 231.850998136,
     602.085816742, 0.0441276651859, 0.0202496255802},
    {"Antithetic", [] { return autoregressive(2, 1000, -0.7, 3); }, 1.00165262027, 6602.05999133, 6602.05999133,
     1098.43741215, 0.00532884456736, 0.0130647888925},
    {"RandomWalk", [] { return autoregressive(4, 500, 1, 4); }, 2.1391282903, 5.29069497076, 5.25716422775,
     11.4233971212, 1.46044614997, 0.937301962195},
    {"OneChainShifted",
     [] {
       return changed(autoregressive(4, 500, 0.5, 5), [](int64_t chain, double v) { return chain == 2 ? v + 0.5 : v; });
     },
     1.22908598204, 13.1526180546, 13.6466069395, 36.2845342446, 0.109589199644, 0.0267351811564},
    {"OneChainWider",
     [] {
       return changed(autoregressive(4, 500, 0.5, 6), [](int64_t chain, double v) { return chain == 1 ? 3 * v : v; });
     },
     1.18115756568, 659.779207516, 715.940285249, 36.0542992311, 0.0229463099603, 0.165185078545},
    {"HeavyTailsOddLength",
     [] { return changed(autoregressive(3, 401, 0, 7), [](int64_t, double v) { return 1 / (v + 0.5) - 1; }); },
     1.00022319879, 1105.35954849, 1279.38211831, 1114.0589325, 1.3913519198, 15.8431919564},
    {"Ties",
     [] { return changed(autoregressive(4, 500, 0.8, 8), [](int64_t, double v) { return std::round(4 * v); }); },
     1.00502501986, 255.417426387, 253.518323625, 409.192501604, 0.121370764945, 0.0587505661882},
    {"FarFromZero", [] { return changed(autoregressive(4, 300, 0.3, 9), [](int64_t, double v) { return 1000 + v; }); },
     1.00377900349, 725.060645195, 689.413014608, 920.321025035, 0.0113984434491, 0.00470548258682},
    {"OneChain", [] { return autoregressive(1, 2000, 0.6, 10); }, 1.00018737777, 604.173504351, 598.765118593,
     1067.91210883, 0.0142770015434, 0.00615741385273},
    {"FourDraws", [] { return autoregressive(3, 4, 0, 11); }, 1.05591721345, 12.9501749526, 12.9501749526,
     12.9501749526, 0.103181182395, 0.0358871667851},
    {"SevenDraws", [] { return autoregressive(2, 7, 0.5, 12); }, 1.60638462447, 12.9501749526, 12.9501749526,
     12.9501749526, 0.0970931227475, 0.0378168354241},
};

class ArviZ : public testing::TestWithParam<Reference> {};

TEST_P(ArviZ, HasTheSameFigures) {
  const Reference& reference = GetParam();
  const Summary ours = summarize(reference.x());
  const auto expect_close = [](const char* what, double value, double expected) {
    EXPECT_NEAR(value, expected, 1e-9 * expected) << what;
  };
  expect_close("R-hat", ours.rhat, reference.rhat);
  expect_close("ESS of the mean", ess_mean(reference.x()), reference.ess_mean);
  expect_close("bulk ESS", ours.ess_bulk, reference.ess_bulk);
  expect_close("tail ESS", ours.ess_tail, reference.ess_tail);
  expect_close("MCSE of the mean", ours.mcse_mean, reference.mcse_mean);
  expect_close("MCSE of the standard deviation", ours.mcse_sd, reference.mcse_sd);
}

INSTANTIATE_TEST_SUITE_P(Diagnostics, ArviZ, testing::ValuesIn(references),
                         [](const auto& info) { return info.param.name; });

TEST(Diagnostics, BfmiIsThatOfArviZ) {
  const Quantity energy = autoregressive(3, 200, 0.8, 30);
  const double expected[] = {0.323527659390, 0.402229774814, 0.383739727374};  // az.bfmi(x), as above
  for (int64_t i = 0; i < 3; ++i) EXPECT_NEAR(bfmi(energy.chain(i)), expected[i], 1e-11);
}

// ---- Laws

TEST(Diagnostics, EssOfAnAutoregressionIsItsLaw) {
  constexpr int64_t chains = 4, draws = 20000;
  for (const double rho : {-0.5, 0.0, 0.5, 0.9}) {
    SCOPED_TRACE(rho);
    const Quantity x = autoregressive(chains, draws, rho, 40);
    // A sum over W lags has a relative variance of about 2 (2W + 1) / N (Sokal 1997, "Monte Carlo methods in
    // statistical mechanics"), and Geyer's sequence ends once rho^W is lost in the noise.
    const double n = chains * draws, lags = 2 + std::log(0.01) / std::log(std::abs(rho) + 1e-9);
    const double expected = n * (1 - rho) / (1 + rho), errors = 4.5 * std::sqrt(2 * (2 * lags + 1) / n);
    EXPECT_NEAR(ess_mean(x), expected, errors * expected);
    EXPECT_NEAR(ess_bulk(x), expected, (0.05 + errors) * expected) << "ranks are nearly as correlated as draws";
    EXPECT_NEAR(rhat(x), 1, 0.005);
    EXPECT_EQ(ess_mean(x) > 1.5 * n, rho < 0) << "only antithetic chains beat independence";
  }
}

TEST(Diagnostics, StandardErrorsOfIndependentDrawsAreThoseOfTheBooks) {
  const Quantity x = autoregressive(4, 10000, 0, 41);
  // Uniform draws of variance 1/12 and fourth moment 1/80: var(sd) = (1/80 - 1/144) / (4 N / 12) = 1/(60 N).
  EXPECT_NEAR(mcse_mean(x), std::sqrt(1 / 12.0 / 40000), 0.05 * std::sqrt(1 / 12.0 / 40000));
  EXPECT_NEAR(mcse_sd(x), std::sqrt(1 / 60.0 / 40000), 0.05 * std::sqrt(1 / 60.0 / 40000));
}

TEST(Diagnostics, BfmiOfAnAutoregressionIsItsLaw) {
  for (const double rho : {0.0, 0.5, 0.95})
    EXPECT_NEAR(bfmi(autoregressive(1, 40000, rho, 42).values), 2 * (1 - rho), 0.03);
}

TEST(Diagnostics, AChainComparesItsHalves) {
  const Quantity x = autoregressive(1, 1000, 0, 43);
  Quantity drifting = x;
  for (size_t t = 0; t < 1000; ++t) drifting.values[t] += double(t) / 1000;
  EXPECT_LT(rhat(x), 1.01);
  EXPECT_GT(rhat(drifting), 1.1);
}

// ---- Invariances

/// Chains whose number of draws is no multiple of 20 and one: their 5 % quantiles lie between draws.
Quantity any_chains() {
  const double rho = *rc::gen::element(-0.5, 0.0, 0.7, 0.95);
  return autoregressive(4, *rc::gen::inRange<int64_t>(20, 300), rho, *rc::gen::inRange<uint64_t>(0, 1000));
}

bool close(double a, double b) { return std::abs(a - b) <= 1e-9 * std::abs(a); }

RC_GTEST_PROP(DiagnosticsProperty, RanksIgnoreMonotoneMaps, ()) {
  const Quantity x = any_chains(), cubed = changed(x, [](int64_t, double v) { return v * v * v; });
  RC_ASSERT(ess_bulk(cubed) == ess_bulk(x));
  RC_ASSERT(ess_tail(cubed) == ess_tail(x));
}

RC_GTEST_PROP(DiagnosticsProperty, UnitsAndSignDoNotMatter, ()) {
  const Quantity x = any_chains();
  const Summary original = summarize(x), turned = summarize(changed(x, [](int64_t, double v) { return -4 * v; }));
  RC_ASSERT(close(turned.mean, -4 * original.mean) && close(turned.sd, 4 * original.sd));
  RC_ASSERT(close(turned.mcse_mean, 4 * original.mcse_mean) && close(turned.mcse_sd, 4 * original.mcse_sd));
  RC_ASSERT(close(turned.rhat, original.rhat));
  RC_ASSERT(close(turned.ess_bulk, original.ess_bulk) && close(turned.ess_tail, original.ess_tail));
}

RC_GTEST_PROP(DiagnosticsProperty, TheOrderOfChainsDoesNotMatter, ()) {
  const Quantity x = any_chains();
  Quantity turned = x;
  const int64_t by = *rc::gen::inRange<int64_t>(1, 4) * x.draws;
  std::rotate(turned.values.begin(), turned.values.begin() + by, turned.values.end());
  const Summary a = summarize(x), b = summarize(turned);
  RC_ASSERT(close(a.rhat, b.rhat) && close(a.ess_bulk, b.ess_bulk) && close(a.ess_tail, b.ess_tail));
  RC_ASSERT(close(a.mcse_mean, b.mcse_mean) && close(a.mcse_sd, b.mcse_sd));
}

// ---- What cannot be told

void expect_no_estimates(const Quantity& x) {
  for (const auto& f : {rhat, ess_mean, ess_bulk, ess_tail, mcse_mean, mcse_sd}) EXPECT_THAT(f(x), testing::IsNan());
  EXPECT_EQ(judge(summarize(x)), Verdict::error);
}

TEST(Diagnostics, ADrawThatIsNotFiniteLeavesNothing) {
  for (const double bad : {nan, infinity, -infinity}) {
    Quantity x = autoregressive(3, 100, 0, 50);
    x.values[150] = bad;
    expect_no_estimates(x);
    const Summary summary = summarize(x);
    EXPECT_THAT(summary.mean, testing::IsNan());
    EXPECT_THAT(summary.chains[1].sd, testing::IsNan());
    EXPECT_THAT(summary.chains[1].ess, testing::IsNan());
    EXPECT_NEAR(summary.chains[2].mean, 0, 0.15) << "the other chains are as they were";
    EXPECT_GT(summary.chains[2].ess, 50);
  }
}

TEST(Diagnostics, AChainThatNeverMovesLeavesNothing) {
  const Quantity stuck = changed(autoregressive(3, 100, 0, 51), [](int64_t chain, double v) { return chain ? v : 1; });
  expect_no_estimates(stuck);
  const Summary summary = summarize(changed(stuck, [](int64_t, double) { return 2; }));
  EXPECT_EQ(summary.mean, 2);
  EXPECT_EQ(summary.sd, 0);
  EXPECT_EQ(judge(summary), Verdict::error);
}

TEST(Diagnostics, ThreeDrawsAreTooFew) {
  expect_no_estimates(autoregressive(4, 3, 0, 52));
  EXPECT_TRUE(std::isfinite(summarize(autoregressive(4, 3, 0, 52)).sd));
  expect_no_estimates(autoregressive(2, 1, 0, 52));
}

TEST(Diagnostics, BfmiNeedsMovingFiniteEnergies) {
  EXPECT_THAT(bfmi(Values{1, 1, 1, 1, 1}), testing::IsNan());
  EXPECT_THAT(bfmi(Values{1, 2, 3}), testing::IsNan());
  EXPECT_THAT(bfmi(Values{1, 2, infinity, 3, 4}), testing::IsNan());
}

TEST(Diagnostics, TwoValuesAreEnough) {
  // An indicator of the tails or the folded draws may be constant; the other speaks.
  const Quantity x = changed(autoregressive(4, 500, 0, 53), [](int64_t, double v) { return v < 0 ? -1 : 1; });
  EXPECT_LT(rhat(x), 1.01);
  EXPECT_NEAR(ess_bulk(x), 2000, 400);
  EXPECT_NEAR(ess_tail(x), ess_bulk(x), 1e-6 * ess_bulk(x)) << "the tail is one of the values";
}

// ---- Tensors and verdicts

TEST(Diagnose, TakesQuantitiesApart) {
  const Quantity a = autoregressive(2, 50, 0, 60), b = autoregressive(2, 50, 0.9, 61);
  std::vector<real> both;
  for (size_t i = 0; i < a.values.size(); ++i) both.insert(both.end(), {real(a.values[i]), real(b.values[i])});
  const Diagnosis diagnosis = diagnose(Tensor::from_host({2, 50, 2}, both));
  EXPECT_EQ(diagnosis.chains, 2);
  EXPECT_EQ(diagnosis.draws, 50);
  ASSERT_EQ(diagnosis.quantities.size(), 2u);
  EXPECT_EQ(diagnosis.quantities[0].ess_bulk, ess_bulk(a));
  EXPECT_EQ(diagnosis.quantities[1].ess_bulk, ess_bulk(b));
  EXPECT_EQ(diagnosis.quantities[1].chains[1].ess, ess_mean({1, 50, {b.chain(1).begin(), b.chain(1).end()}}));
  EXPECT_EQ(diagnose(to_tensor(a)).quantities[0].rhat, rhat(a));
}

TEST(Diagnose, SummarisesTraces) {
  const Quantity x = autoregressive(2, 1000, 0, 62), energy = autoregressive(2, 1000, 0.95, 63);
  const Tensor accepted = to_tensor(changed(x, [](int64_t chain, double v) { return chain == 0 && v < 0.25; }));
  const Diagnosis diagnosis = diagnose(to_tensor(x), to_tensor(x), accepted, to_tensor(energy));
  EXPECT_NEAR(diagnosis.acceptance[0], 0.75, 4.5 * std::sqrt(0.75 * 0.25 / 1000));
  EXPECT_EQ(diagnosis.acceptance[1], 0);
  EXPECT_EQ(diagnosis.bfmi[1], bfmi(energy.chain(1)));
  EXPECT_EQ(diagnosis.energy[1].mean, diagnosis.quantities[0].chains[1].mean);
  EXPECT_EQ(judge(diagnose(to_tensor(x))), Verdict::ok);
  EXPECT_EQ(judge(diagnosis), Verdict::warn) << "the Hamiltonian walks slowly";
  EXPECT_EQ(judge(diagnose(to_tensor(x), to_tensor(energy))), Verdict::ok) << "an energy may";
  EXPECT_EQ(judge(diagnose(to_tensor(x), {}, {}, Tensor::ones({2, 1000}))), Verdict::error) << "it stands still";
}

TEST(Diagnose, RefusesOtherShapes) {
  const auto refuses = [](const Tensor& draws, const Tensor& energy, const char* message) {
    EXPECT_THAT([&] { diagnose(draws, energy); }, ThrowsMessage<std::invalid_argument>(HasSubstr(message)));
  };
  refuses(Tensor::ones({8}), {}, "expected draws [chains, draws] or [chains, draws, n], got [8]");
  refuses(Tensor::ones({2, 8, 2, 2}), {}, "got [2,8,2,2]");
  refuses(Tensor::ones({2, 0}), {}, "got [2,0]");
  refuses(Tensor::ones({2, 8}), Tensor::ones({2, 7}), "energy: expected [2,8], got [2,7]");
}

TEST(Judge, KnowsItsLimits) {
  const auto verdict = [](double rhat, double bulk, double tail) {
    Summary summary{};
    summary.rhat = rhat, summary.ess_bulk = bulk, summary.ess_tail = tail;
    summary.chains.resize(4);
    return judge(summary);
  };
  EXPECT_EQ(verdict(1.01, 400, 400), Verdict::ok);
  EXPECT_EQ(verdict(1.0101, 400, 400), Verdict::warn);
  EXPECT_EQ(verdict(1, 399, 400), Verdict::warn);
  EXPECT_EQ(verdict(1, 400, 399), Verdict::warn);
  EXPECT_EQ(verdict(1.05, 400, 400), Verdict::warn);
  EXPECT_EQ(verdict(1.0501, 4000, 4000), Verdict::error);
  EXPECT_EQ(verdict(nan, 4000, 4000), Verdict::error);
  EXPECT_EQ(verdict(infinity, 4000, 4000), Verdict::error);
  EXPECT_EQ(verdict(1, 4000, nan), Verdict::error);
}

}  // namespace
}  // namespace erg::test
