// What holds for every sampler: chains do not see each other, loops keep what they say, and errors name their place.
#include <gmock/gmock.h>

#include <limits>

#include "kernel_runs.h"
#include "laws.h"
#include "models/nets.h"
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

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr real infinite = std::numeric_limits<real>::infinity(), nan = std::numeric_limits<real>::quiet_NaN();

// ---- One by one: a batch has the bits of its chains run alone

/// Runs all chains at once, then in parts of other sizes, and expects the same bits.
template <Sampler S>
void expect_independent_chains(const S& sampler, const Energy& energy, const Tensor& start) {
  const auto final_states = [&](int64_t begin, int64_t end) {
    Noise noise(1, "independent");
    Chains part(slice(start, 0, begin, end), begin);
    advance(sampler, energy, part, 5, noise);
    return part.x.to_host();
  };
  const int64_t count = start.dim(0);
  const auto all = final_states(0, count);
  for (const int64_t size : {int64_t(1), int64_t(7)}) {
    std::vector<real> joined;
    for (int64_t begin = 0; begin < count; begin += size)
      for (const real value : final_states(begin, std::min(count, begin + size))) joined.push_back(value);
    EXPECT_EQ(joined, all) << "in parts of " << size;
  }
}

template <class S>
class EachSampler : public testing::Test {
 public:
  static S make() {
    if constexpr (std::is_same_v<S, Langevin>) return Langevin::exact(real(0.05));
    if constexpr (std::is_same_v<S, Mala>) return {real(0.3)};
    if constexpr (std::is_same_v<S, Hmc>) return {.step_size = real(0.3), .leapfrog_steps = 3, .jitter = real(0.1)};
    if constexpr (std::is_same_v<S, Underdamped>) return {real(0.2)};
    if constexpr (std::is_same_v<S, Preconditioned>) return {.eta = real(0.02)};
  }
};
using AllSamplers = testing::Types<Langevin, Mala, Hmc, Underdamped, Preconditioned>;
TYPED_TEST_SUITE(EachSampler, AllSamplers);

TYPED_TEST(EachSampler, RunsChainsOfAnAnalyticEnergyIndependently) {
  Noise noise(1, "test");
  const auto wells = [](const Tensor& x) { return double_well(x, 1); };
  expect_independent_chains(TestFixture::make(), wells, noise.normal({33, 3}));
}

TYPED_TEST(EachSampler, RunsChainsOnADenseNetIndependently) {
  Noise noise(2, "test");
  const Sequential net = mlp({3, 32, 17, 1}, noise, {.hidden = {Activation::Kind::silu}});
  expect_independent_chains(TestFixture::make(), NetEnergy{net}, noise.normal({33, 3}));
  const auto plain = [&](const Tensor& x) { return NetEnergy{net}(x); };
  expect_independent_chains(TestFixture::make(), plain, noise.normal({33, 3}));
}

TYPED_TEST(EachSampler, RunsChainsOfImagesIndependently) {
  Noise noise(3, "test");
  const Sequential net = dcgan_critic({.size = 28, .channels = 1, .width = 4}, noise);
  expect_independent_chains(TestFixture::make(), NetEnergy{net}, noise.uniform({9, 28, 28, 1}, -1, 1));
}

TEST(ParallelTempering, RunsChainsIndependently) {
  const ParallelTempering tempering{{1, 3, 9}, real(0.3)};
  Noise noise(4, "test");
  const Tensor start = noise.normal({12, 2});
  const auto final_states = [&](int64_t begin, int64_t end) {
    Noise shared(5, "independent");
    Chains replicas = tempering.replicate(slice(start, 0, begin, end), begin);
    advance(tempering, quadratic, replicas, 6, shared);
    return replicas.x.to_host();
  };
  auto joined = final_states(0, 5);
  for (const real value : final_states(5, 12)) joined.push_back(value);
  EXPECT_EQ(joined, final_states(0, 12));
}

// ---- The loops

TYPED_TEST(EachSampler, LeavesItsStartAloneAndGoesOnWhereItStopped) {
  Noise a(6, "test"), b(6, "test");
  const Tensor start = Tensor::ones({4, 2});
  const Tensor once = run(TestFixture::make(), quadratic, start, 50, a);
  EXPECT_THAT(start.to_host(), Each(1));

  Chains rows(start);
  advance(TestFixture::make(), quadratic, rows, 13, b);
  advance(TestFixture::make(), quadratic, rows, 0, b);
  advance(TestFixture::make(), quadratic, rows, 37, b);
  EXPECT_EQ(rows.steps, 50);
  EXPECT_EQ(rows.x.to_host(), once.to_host());
}

TYPED_TEST(EachSampler, KeepsEveryThinthState) {
  Noise a(7, "test"), b(7, "test");
  Chains kept(Tensor::ones({3, 2, 2})), watched(Tensor::ones({3, 2, 2}));
  const Draws draws = record(TestFixture::make(), quadratic, kept, 5, 4, a);
  ASSERT_EQ(draws.x.shape(), (Shape{3, 5, 4}));
  ASSERT_EQ(draws.energy.shape(), (Shape{3, 5}));
  const auto x = draws.x.to_host(), energy = draws.energy.to_host();
  for (size_t draw = 0; draw < 5; ++draw) {
    const Trace trace = advance(TestFixture::make(), quadratic, watched, 4, b);
    EXPECT_EQ(trace.energy.shape(), (Shape{4, 3}));
    const auto now = watched.x.to_host(), now_energy = quadratic(watched.x).to_host();
    for (size_t chain = 0; chain < 3; ++chain) {
      for (size_t i = 0; i < 4; ++i) EXPECT_EQ(x[(chain * 5 + draw) * 4 + i], now[chain * 4 + i]);
      EXPECT_EQ(energy[chain * 5 + draw], now_energy[chain]);
    }
  }
  const bool adjusted = std::is_same_v<TypeParam, Mala> || std::is_same_v<TypeParam, Hmc>;
  EXPECT_EQ(bool(draws.acceptance), adjusted);
  if (adjusted) { EXPECT_THAT(draws.acceptance.to_host(), Each(AllOf(testing::Ge(0), testing::Le(1)))); }
}

/// An energy may be trained between two calls, and a sampler followed by another.
TYPED_TEST(EachSampler, ForgetsWhatAnotherEnergyAndSamplerLeft) {
  Noise a(22, "test"), b(22, "test");
  Chains used(Tensor::ones({4, 2}));
  used.evaluate([](const Tensor& x) { return quadratic(x) * 10; });
  used.acceptance = Tensor::full({4}, real(0.5));
  Chains fresh(Tensor::ones({4, 2}));
  const Trace trace = advance(TestFixture::make(), quadratic, used, 5, a);
  advance(TestFixture::make(), quadratic, fresh, 5, b);
  EXPECT_EQ(used.x.to_host(), fresh.x.to_host());
  const bool adjusted = std::is_same_v<TypeParam, Mala> || std::is_same_v<TypeParam, Hmc>;
  EXPECT_EQ(bool(trace.acceptance), adjusted);
}

/// The energy is x itself, then a tensor of the caller's: samplers write in place, but not into these.
TYPED_TEST(EachSampler, LeavesAnEnergyThatSharesItsStorageAlone) {
  Noise noise(23, "test");
  Chains rows(Tensor::ones({4, 1}));
  const Trace trace = advance(
      TestFixture::make(), [](const Tensor& x) { return sum_per_sample(x); }, rows, 1, noise);
  if (std::is_same_v<TypeParam, Langevin>) {
    EXPECT_THAT(trace.energy.to_host(), Each(1)) << "E where the gradient was taken";
  }
  const Tensor constant = Tensor::full({4}, 3);
  int calls = 0;
  const auto captured = [&](const Tensor& x) {
    return ++calls == 1 ? reshape(Tensor(constant), {4}) + 0 * sum_per_sample(x) : sum_per_sample(x);
  };
  advance(TestFixture::make(), captured, rows, 3, noise);
  EXPECT_THAT(constant.to_host(), Each(3));
}

TYPED_TEST(EachSampler, TakesNoChainsNoCoordinatesAndNoDraws) {
  Noise noise(24, "test");
  Chains none(Tensor::ones({0, 2})), points(Tensor::ones({3, 0})), some(Tensor::ones({3, 2}));
  EXPECT_EQ(record(TestFixture::make(), quadratic, none, 2, 1, noise).x.shape(), (Shape{0, 2, 2}));
  EXPECT_EQ(record(TestFixture::make(), quadratic, points, 2, 1, noise).x.shape(), (Shape{3, 2, 0}));
  EXPECT_EQ(record(TestFixture::make(), quadratic, some, 0, 1, noise).x.shape(), (Shape{3, 0, 2}));
}

TYPED_TEST(EachSampler, HasTheSameBitsOnAnyNumberOfThreads) {
  const auto states = [](int threads) {
    set_threads(threads);
    Noise noise(25, "test");
    const Tensor start = noise.uniform({3000, 3}, -1, 1);
    return run(
               TestFixture::make(), [](const Tensor& x) { return double_well(x, 1); }, start, 5, noise)
        .to_host();
  };
  const auto one = states(1);
  EXPECT_EQ(states(2), one);
  EXPECT_EQ(states(3), one);
  set_threads(1);
}

TYPED_TEST(EachSampler, RecordsNothingOnATapeAround) {
  Noise noise(8, "test");
  const Sequential net = mlp({2, 4, 1}, noise);
  Sequential watched = net;
  Tape tape;
  tape.watch(params(watched));
  const size_t leaves = tape.size();
  const Tensor x = run(TestFixture::make(), NetEnergy{net}, Tensor::ones({4, 2}), 3, noise);
  EXPECT_EQ(tape.size(), leaves);
  EXPECT_FALSE(tape.knows(x));
}

TYPED_TEST(EachSampler, RefusesNegativeSteps) {
  Noise noise(9, "test");
  EXPECT_THAT(
      [&] {
        run(TestFixture::make(), quadratic, Tensor::ones({2, 1}), -1, noise);
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("-1")));
}

// ---- A chain that leaves the finite numbers

/// An energy that is NaN for chain 2 from evaluation `from` on.
Energy poisoned(int& evaluations, int from) {
  return [&evaluations, from](const Tensor& x) {
    std::vector<real> added(size_t(x.dim(0)), 0);
    if (++evaluations >= from) added[2] = nan;
    return quadratic(x) + Tensor::from_host({x.dim(0)}, added);
  };
}

TYPED_TEST(EachSampler, NamesTheStepTheChainAndTheValueOfAnEnergyThatIsNoNumber) {
  // An unadjusted chain goes where its energy is NaN, and an adjusted one would have to start there.
  const bool adjusted = std::is_same_v<TypeParam, Mala> || std::is_same_v<TypeParam, Hmc>;
  const bool evaluates_its_end = std::is_same_v<TypeParam, Underdamped>;
  const int from = adjusted ? 1 : 4;
  Noise noise(10, "test");
  int evaluations = 0;
  Chains rows(noise.normal({5, 2}), 100);
  try {
    advance(TestFixture::make(), poisoned(evaluations, from), rows, 64, noise);
    FAIL() << "nothing was thrown";
  } catch (const DivergedError& error) {
    EXPECT_EQ(error.chain, 102) << "counted from the chains' first";
    EXPECT_EQ(error.step, evaluates_its_end ? from - 1 : from);
    EXPECT_TRUE(std::isnan(error.value));
    EXPECT_THAT(error.what(), AllOf(HasSubstr("chain 102"), HasSubstr("nan"), HasSubstr("step")));
  }
}

TEST(DivergedError, ComesSoonAfterTheFact) {
  Noise noise(11, "test");
  int evaluations = 0;
  EXPECT_THROW(run(Langevin::exact(real(0.1)), poisoned(evaluations, 4), noise.normal({5, 2}), 1000000, noise),
               DivergedError);
  EXPECT_LT(evaluations, 100);
}

TEST(DivergedError, NamesAStepBeyondTheFirstLook) {
  Noise noise(26, "test");
  int evaluations = 0;
  try {
    run(Langevin::exact(real(0.1)), poisoned(evaluations, 50), noise.normal({5, 2}), 100, noise);
    FAIL() << "nothing was thrown";
  } catch (const DivergedError& error) {
    EXPECT_EQ(error.step, 50);
    EXPECT_EQ(error.chain, 2);
  }
}

TEST(DivergedError, IsThrownForTheStateALastStepLeaves) {
  Noise noise(27, "test");
  const auto cliff = [](const Tensor& x) { return sum_per_sample(x) * real(1e30); };
  EXPECT_THAT(
      [&] {
        run(Langevin::exact(real(1e10)), cliff, Tensor::ones({2, 1}), 1, noise);
      },
      ThrowsMessage<DivergedError>(HasSubstr("position of chain 0 is -inf")));
}

TEST(DivergedError, IsThrownByAnUnadjustedChainThatRunsAway) {
  Noise noise(12, "test");
  EXPECT_THROW(
      run(
          Langevin::exact(3), [](const Tensor& x) { return double_well(x, 1); }, Tensor::full({2, 1}, 5), 50, noise),
      DivergedError);
}

// ---- Proposals outside the support

/// Uniform on [-1,1]: energy 0 inside, +inf outside.
Tensor box(const Tensor& x) {
  const auto values = x.to_host();
  std::vector<real> wall;
  for (const real value : values) wall.push_back(std::abs(value) <= 1 ? 0 : infinite);
  return sum_per_sample(x) * 0 + Tensor::from_host({x.dim(0)}, wall);
}

template <class S>
class AdjustedSampler : public EachSampler<S> {};
using AdjustedSamplers = testing::Types<Mala, Hmc>;
TYPED_TEST_SUITE(AdjustedSampler, AdjustedSamplers);

TYPED_TEST(AdjustedSampler, RejectsProposalsOutsideTheSupport) {
  Noise noise(13, "test");
  const Tensor x = run(TestFixture::make(), box, noise.uniform({20000, 1}, -1, 1), 30, noise);
  const Law uniform([](double) { return 1; }, -1, 1);
  EXPECT_LT(kolmogorov(x, uniform), 1.95);
}

TYPED_TEST(AdjustedSampler, RejectsProposalsWhoseEnergyIsNoNumber) {
  Noise noise(21, "test");
  int evaluations = 0;
  Chains rows(Tensor::ones({5, 2}));
  const Trace trace = advance(TestFixture::make(), poisoned(evaluations, 2), rows, 10, noise);
  const auto acceptance = trace.acceptance.to_host(), x = rows.x.to_host();
  for (size_t k = 0; k < 10; ++k) EXPECT_EQ(acceptance[5 * k + 2], 0);
  EXPECT_EQ(x[4], 1);
  EXPECT_NE(x[6], 1) << "the others move on";
}

TYPED_TEST(AdjustedSampler, RejectsATrajectoryThatFliesOff) {
  Noise noise(14, "test");
  TypeParam sampler = TestFixture::make();
  sampler.step_size = 1000;
  Chains rows(Tensor::full({4, 1}, 3));
  const auto steep = [](const Tensor& x) { return double_well(x, real(1e10)); };
  const Trace trace = advance(sampler, steep, rows, 3, noise);
  EXPECT_THAT(trace.acceptance.to_host(), Each(0));
  EXPECT_THAT(rows.x.to_host(), Each(3));
}

// ---- Constants that make no step

TEST(Samplers, RefuseConstantsThatMakeNoStep) {
  Noise noise(15, "test");
  const auto refuses = [&](const auto& sampler, const char* word) {
    EXPECT_THAT(
        [&] {
          run(sampler, quadratic, Tensor::ones({2, 1}), 1, noise);
        },
        ThrowsMessage<std::invalid_argument>(HasSubstr(word)))
        << word;
  };
  for (const real bad : {real(0), real(-1), nan, infinite}) {
    refuses(Langevin::exact(bad), "[langevin]");
    refuses(Mala{bad}, "[mala]");
    refuses(Hmc{.step_size = bad, .leapfrog_steps = 1}, "[hmc]");
    refuses(Underdamped{bad}, "[underdamped]");
    refuses(Underdamped{1, bad}, "friction");
    refuses(Preconditioned{bad}, "[preconditioned]");
    refuses(ParallelTempering{{1}, bad}, "[mala]");
    refuses(Annealed{{Langevin::exact(bad)}, 1}, "[langevin]");
  }
  refuses(Langevin{.drift = 1, .noise = -1}, "noise");
  refuses(Hmc{.step_size = 1, .leapfrog_steps = 0}, "leapfrog");
  refuses(Hmc{.step_size = 1, .leapfrog_steps = 1, .jitter = 1}, "jitter");
  refuses(Preconditioned{.eta = 1, .decay = 2}, "decay");
  refuses(Preconditioned{.eta = 1, .lambda = 0}, "lambda");
  refuses(ParallelTempering{{}, 1}, "temperature");
  refuses(ParallelTempering{{1, 1}, 1}, "rise");
  refuses(ParallelTempering{{1, 2, 3}, 1}, "replicate");
  EXPECT_THROW(DualAveraging(Tensor::ones({1}), 1), std::invalid_argument);
  EXPECT_THROW(Chains(Tensor::full({}, 1)), std::invalid_argument);
  Chains rows(Tensor::ones({2, 1}));
  EXPECT_THROW(record(Mala{1}, quadratic, rows, 3, 0, noise), std::invalid_argument);
}

TEST(Samplers, RefuseAnEnergyOfAnotherShape) {
  Noise noise(16, "test");
  EXPECT_THAT(
      [&] {
        run(
            Mala{1}, [](const Tensor& x) { return x; }, Tensor::ones({2, 3}), 1, noise);
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("[2,3]")));
  const Sequential wide = mlp({3, 2}, noise);
  EXPECT_THAT(
      [&] {
        run(Mala{1}, NetEnergy{wide}, Tensor::ones({2, 3}), 1, noise);
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("[2,2]")));
}

}  // namespace
}  // namespace erg::test
