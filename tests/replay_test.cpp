// The replay buffer: draws, the laws of the three policies, chains in bytes that do not drift, and runs that resume.
// Seeds are fixed, and each bound is a number of standard errors.
#include "samplers/replay.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <set>

#include "engine/io/checkpoint.h"
#include "engine/ops.h"
#include "io_support.h"

namespace erg::test {
namespace {

using kernels::ByteRange;
using Policy = ReplayBuffer::Policy;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

// ---- Chains that are numbers

/// [count,2] with both elements of chain i equal to first + i.
Tensor numbered(int64_t count, int64_t first = 0) {
  std::vector<real> values(size_t(2 * count), 0);
  for (size_t i = 0; i < values.size(); ++i) values[i] = real(first + int64_t(i / 2));
  return Tensor::from_host({count, 2}, values);
}

/// The first element of each chain.
std::vector<real> numbers(const Tensor& chains) {
  const std::vector<real> values = chains.to_host();
  std::vector<real> firsts;
  for (size_t i = 0; i < values.size(); i += 2) {
    EXPECT_EQ(values[i], values[i + 1]) << "a chain's elements must stay together";
    firsts.push_back(values[i]);
  }
  return firsts;
}

/// Fresh chains that are numbered: first 0 ... n-1 for the buffer itself, later ones negative.
class Numbered {
 public:
  Tensor operator()(int64_t count) { return calls++ == 0 ? numbered(count) : Tensor::full({count, 2}, -1); }
  int calls = 0;
};

ReplayBuffer buffer(Policy policy, int64_t capacity, double restart, uint64_t seed) {
  return ReplayBuffer({.capacity = capacity, .restart = restart, .policy = policy}, Numbered(), Noise(seed, "test"));
}

// ---- Draws

TEST(Draws, AreDifferentChains) {
  ReplayBuffer replay(100, 0, Numbered(), Noise(14, "test"));
  std::set<real> ever;
  std::set<std::vector<real>> orders;
  for (int round = 0; round < 30; ++round) {
    const Tensor batch = replay.draw(30);
    ASSERT_EQ(batch.shape(), (Shape{30, 2}));
    const std::vector<real> drawn = numbers(batch);
    EXPECT_EQ(std::set(drawn.begin(), drawn.end()).size(), 30u);
    ever.insert(drawn.begin(), drawn.end());
    orders.insert(drawn);
  }
  EXPECT_EQ(ever.size(), 100u) << "the chance to miss one thirty times is 100 * 0.7^30 = 0.002";
  EXPECT_EQ(orders.size(), 30u);
}

TEST(Draws, MayTakeTheWholeBuffer) {
  ReplayBuffer replay(10, 0, Numbered(), Noise(15, "test"));
  const std::vector<real> drawn = numbers(replay.draw(10));
  EXPECT_EQ(std::set(drawn.begin(), drawn.end()).size(), 10u);
}

TEST(Draws, RestartTheirShareAndSayWhich) {
  ReplayBuffer replay(2000, 0.05, Numbered(), Noise(16, "test"));
  int restarted = 0;
  for (int round = 0; round < 40; ++round) {
    const std::vector<real> drawn = numbers(replay.draw(1000));
    ASSERT_EQ(replay.restarted().size(), 1000u);
    for (size_t i = 0; i < drawn.size(); ++i) {
      ASSERT_EQ(replay.restarted()[i], drawn[i] == -1);
      restarted += drawn[i] == -1;
    }
  }
  EXPECT_NEAR(restarted / 40000.0, 0.05, 4.5 * std::sqrt(0.05 * 0.95 / 40000));
}

TEST(Draws, RestartNoneOrAll) {
  const auto fresh = std::make_shared<Numbered>();
  ReplayBuffer none(
      10, 0, [fresh](int64_t n) { return (*fresh)(n); }, Noise(17, "test"));
  none.draw(10);
  EXPECT_EQ(fresh->calls, 1) << "nobody asked for fresh chains";
  EXPECT_THAT(none.restarted(), Each(false));
  ReplayBuffer all(10, 1, Numbered(), Noise(17, "test"));
  EXPECT_THAT(all.draw(10).to_host(), Each(-1));
  EXPECT_THAT(all.restarted(), Each(true));
}

TEST(Draws, AreFreshWhereTheBufferHoldsTooFew) {
  for (const Policy policy : {Policy::fifo, Policy::reservoir}) {
    ReplayBuffer replay = buffer(policy, 10, 0, 22);
    EXPECT_EQ(replay.size(), 0);
    EXPECT_THAT(replay.draw(4).to_host(), Each(-1));
    EXPECT_THAT(replay.restarted(), ElementsAre(true, true, true, true));
    replay.put_back(numbered(4));
    EXPECT_EQ(replay.size(), 4);
    std::vector<real> drawn = numbers(replay.draw(6));
    EXPECT_THAT(replay.restarted(), ElementsAre(false, false, false, false, true, true));
    std::sort(drawn.begin(), drawn.end());
    EXPECT_THAT(drawn, ElementsAre(-1, -1, 0, 1, 2, 3));
  }
}

// ---- Policies

TEST(InPlace, PutsChainsBackWhereTheyWere) {
  ReplayBuffer replay(50, 0, Numbered(), Noise(18, "test"));
  const Tensor batch = replay.draw(20);
  const std::vector<real> drawn = numbers(batch);
  const std::set<real> touched(drawn.begin(), drawn.end());
  replay.put_back(batch + real(0.5));
  const std::vector<real> all = numbers(replay.chains());
  ASSERT_EQ(all.size(), 50u);
  for (size_t i = 0; i < 50; ++i) EXPECT_EQ(all[i], real(i) + (touched.contains(real(i)) ? real(0.5) : 0));
}

TEST(InPlace, KeepsItsOwnCopy) {
  const Tensor start = Tensor::zeros({4, 1});
  ReplayBuffer replay(
      4, 0, [&](int64_t) { return start; }, Noise(19, "test"));
  const Tensor before = replay.chains();
  replay.draw(4);
  replay.put_back(Tensor::ones({4, 1}));
  EXPECT_THAT(start.to_host(), Each(0));
  EXPECT_THAT(before.to_host(), Each(0));
  EXPECT_THAT(replay.chains().to_host(), Each(1));
}

TEST(Fifo, OverwritesTheOldest) {
  ReplayBuffer replay = buffer(Policy::fifo, 5, 0, 23);
  replay.put_back(numbered(3));
  EXPECT_THAT(numbers(replay.chains()), ElementsAre(0, 1, 2));
  replay.put_back(numbered(4, 3));
  EXPECT_THAT(numbers(replay.chains()), ElementsAre(5, 6, 2, 3, 4));
  replay.put_back(numbered(2, 7));
  EXPECT_THAT(numbers(replay.chains()), ElementsAre(5, 6, 7, 8, 4));
  replay.put_back(numbered(12, 9));
  EXPECT_THAT(numbers(replay.chains()), testing::UnorderedElementsAre(16, 17, 18, 19, 20));
}

/// 40 chains are offered to 10 slots, in batches that fill the buffer halfway through one. Each is then held with
/// probability 1/4, and each pair with probability 10 * 9 / (40 * 39).
TEST(Reservoir, HoldsEachChainEverOfferedWithTheSameProbability) {
  constexpr int runs = 8000, offered = 40, capacity = 10;
  std::vector<int> held(offered, 0);
  int first_and_last = 0;
  for (int run = 0; run < runs; ++run) {
    ReplayBuffer replay = buffer(Policy::reservoir, capacity, 0, uint64_t(1000 + run));
    for (int64_t first = 0; first < offered; first += 8) replay.put_back(numbered(8, first));
    const std::vector<real> kept = numbers(replay.chains());
    const std::set<real> different(kept.begin(), kept.end());
    ASSERT_EQ(different.size(), size_t(capacity));
    for (const real chain : kept) ++held[size_t(chain)];
    first_and_last += different.contains(0) && different.contains(offered - 1);
  }
  const auto expect_share = [](int count, double p) {
    EXPECT_NEAR(count / double(runs), p, 4.5 * std::sqrt(p * (1 - p) / runs));
  };
  for (const int count : held) expect_share(count, 0.25);
  expect_share(first_and_last, 10.0 * 9 / (40 * 39));
  // The counts vary as those of a fair sample: 40 of them at variance n p (1 - p), whose sum is fixed.
  double chi_squared = 0;
  for (const int count : held) chi_squared += std::pow(count - runs * 0.25, 2) / (runs * 0.25 * 0.75) * 39 / 40;
  EXPECT_NEAR(chi_squared, 39, 4.5 * std::sqrt(2 * 39.0));
}

TEST(Reservoir, FillsUpFirst) {
  ReplayBuffer replay = buffer(Policy::reservoir, 5, 0, 24);
  replay.put_back(numbered(3));
  replay.put_back(numbered(2, 3));
  EXPECT_THAT(numbers(replay.chains()), ElementsAre(0, 1, 2, 3, 4));
}

// ---- Chains in bytes

const Shape image{6, 5, 1};

ReplayBuffer::Fresh images(const Noise& noise) {
  return [source = noise](int64_t count) mutable {
    return source.uniform({count, image[0], image[1], image[2]}, -1, 1);
  };
}

TEST(BytesOfChains, AreWithinTheirBinAndDoNotDrift) {
  const Noise noise(25, "fresh");
  ReplayBuffer replay({.capacity = 20, .restart = 0, .bytes = ByteRange{-1, 1}}, images(noise), Noise(25, "test"));
  const std::vector<real> start = replay.chains().to_host();
  Tensor before;
  for (int round = 0; round < 100; ++round) {
    const Tensor batch = replay.draw(20);
    if (before) { EXPECT_NE(batch.to_host(), before.to_host()) << "a draw has noise of its own"; }
    before = batch;
    replay.put_back(batch);
  }
  EXPECT_EQ(replay.chains().to_host(), start);
}

/// The restarts must not choose by the numbers that dequantise the chains.
TEST(BytesOfChains, AreDrawnUniformlyFromTheirBin) {
  const auto middle = [](int64_t count) { return Tensor::full({count, 1}, real(0.75)); };
  ReplayBuffer replay({.capacity = 80000, .restart = 0.5, .bytes = ByteRange{0, 256}}, middle, Noise(26, "test"));
  const std::vector<real> drawn = replay.draw(80000).to_host();
  double n = 0, sum = 0, squares = 0;
  for (size_t i = 0; i < drawn.size(); ++i) {
    if (replay.restarted()[i]) continue;
    ASSERT_GE(drawn[i], 0);
    ASSERT_LT(drawn[i], 1);
    n += 1, sum += drawn[i], squares += double(drawn[i]) * drawn[i];
  }
  EXPECT_NEAR(sum / n, 1.0 / 2, 4.5 * std::sqrt(1.0 / 12 / n));
  EXPECT_NEAR(squares / n, 1.0 / 3, 4.5 * std::sqrt(4.0 / 45 / n));
}

TEST(BytesOfChains, AreClampedToTheRange) {
  ReplayBuffer replay({.capacity = 2, .restart = 0, .policy = Policy::fifo, .bytes = ByteRange{-1, 1}}, Numbered(),
                      Noise(27, "test"));
  replay.put_back(Tensor::from_host({2, 2}, std::vector<real>{-7, 0, real(0.5), 7}));
  const real half = real(1.0 / 256);
  EXPECT_THAT(replay.chains().to_host(), ElementsAre(-1 + half, half, real(0.5) + half, 1 - half));
}

TEST(BytesOfChains, AreFreshInFullPrecisionWhereRestarted) {
  ReplayBuffer replay({.capacity = 4, .restart = 1, .bytes = ByteRange{0, 10}}, Numbered(), Noise(28, "test"));
  EXPECT_THAT(replay.draw(4).to_host(), Each(-1));
}

TEST(BytesOfChains, TakeAQuarterOfTheMemory) {
  const auto live_bytes = [](std::optional<ByteRange> bytes) {
    const auto blank = [](int64_t count) { return Tensor::zeros({count, 784}); };
    const int64_t before = Pool::of(cpu_device).stats().live_bytes;
    const ReplayBuffer replay({.capacity = 1000, .policy = Policy::fifo, .bytes = bytes}, blank, Noise(29, "test"));
    return Pool::of(cpu_device).stats().live_bytes - before;
  };
  EXPECT_LE(live_bytes(ByteRange{-1, 1}), 1000 * 784 * 1.25) << "the pool rounds a block up by a quarter at most";
  EXPECT_GE(live_bytes({}), int64_t(1000 * 784 * sizeof(real)));
}

// ---- Checkpoints

/// Training as the buffer sees it: batches of 8 that a sampler moves by noise of its own.
struct Training {
  explicit Training(Policy policy, std::optional<ByteRange> bytes)
      : fresh(31, "fresh"),
        moves(31, "moves"),
        replay({.capacity = 21, .restart = 0.1, .policy = policy, .bytes = bytes}, images(fresh), Noise(31, "test")) {}

  /// The last batch of that many steps.
  std::vector<real> train(int steps) {
    Tensor batch;
    for (int i = 0; i < steps; ++i) {
      batch = replay.draw(8);
      batch = batch + moves.normal(batch.shape()) * real(0.1);
      replay.put_back(batch);
    }
    return batch.to_host();
  }
  void visit(Visitor& v) {
    v.sub("replay", replay);
    v.sub("fresh", fresh);
    v.sub("moves", moves);
  }

  Noise fresh, moves;
  ReplayBuffer replay;
};

class Resumed : public testing::TestWithParam<std::tuple<Policy, std::optional<ByteRange>>> {
 protected:
  Training run() const { return Training(std::get<0>(GetParam()), std::get<1>(GetParam())); }
};

/// After 2 steps a fifo is not yet full; after 5 it has gone round, and a reservoir has refused chains.
TEST_P(Resumed, ARunIsTheRunThatWasNotInterrupted) {
  const io::TemporaryFolder folder;
  for (const int steps : {2, 5}) {
    Training whole = run(), interrupted = run(), resumed = run();
    const std::vector<real> half = whole.train(steps);
    EXPECT_EQ(interrupted.train(steps), half);
    io::save(folder / "run.safetensors", interrupted);
    resumed.train(3);  // what was there before loading must not matter
    io::load(folder / "run.safetensors", resumed);

    EXPECT_EQ(resumed.replay.size(), whole.replay.size());
    EXPECT_EQ(resumed.replay.chains().to_host(), whole.replay.chains().to_host());
    const std::vector<real> end = whole.train(steps);
    EXPECT_EQ(resumed.train(steps), end);
    EXPECT_EQ(interrupted.train(steps), end) << "saving must not change the run";
    EXPECT_EQ(resumed.replay.chains().to_host(), whole.replay.chains().to_host());
    EXPECT_NE(end, half);
  }
}

TEST_P(Resumed, LoadingAndSavingGivesTheSameCheckpoint) {
  Training trained = run(), loaded = run();
  trained.train(4);
  const io::StateDict saved = io::state_of(entries(trained));
  io::restore(entries(loaded), saved);
  const io::StateDict again = io::state_of(entries(loaded));
  EXPECT_EQ(again.tensors.at("replay.chains").to_host(), saved.tensors.at("replay.chains").to_host());
  EXPECT_EQ(again.counter("replay.noise.step"), saved.counter("replay.noise.step"));
}

INSTANTIATE_TEST_SUITE_P(Buffers, Resumed,
                         testing::Combine(testing::Values(Policy::in_place, Policy::fifo, Policy::reservoir),
                                          testing::Values(std::optional<ByteRange>(), ByteRange{-1, 1})));

// ---- Errors

TEST(Replay, RefusesBadOptions) {
  const auto make = [](ReplayBuffer::Options options) {
    return [=] { ReplayBuffer(options, Numbered(), Noise(20, "test")); };
  };
  const auto refusal = [](const char* what) {
    return ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("[replay]"), HasSubstr(what)));
  };
  EXPECT_THAT(make({.capacity = 0}), refusal("0"));
  EXPECT_THAT(make({.restart = -0.1}), refusal("-0.1"));
  EXPECT_THAT(make({.restart = 1.5}), refusal("1.5"));
  EXPECT_THAT(make({.restart = std::nan("")}), refusal("nan"));
  const real large = real(1 / std::numeric_limits<real>::epsilon());
  for (const ByteRange range :
       {ByteRange{1, -1}, ByteRange{1, 1}, ByteRange{large, large + 16},
        ByteRange{0, std::numeric_limits<real>::infinity()}, ByteRange{0, std::numeric_limits<real>::quiet_NaN()}})
    EXPECT_THAT(make({.bytes = range}), refusal("low < high")) << range.low << " to " << range.high;
}

TEST(Replay, RefusesBatchesThatDoNotFit) {
  ReplayBuffer replay(10, 0, Numbered(), Noise(20, "test"));
  EXPECT_THROW(replay.put_back(Tensor::ones({5, 2})), std::invalid_argument) << "nothing was drawn";
  EXPECT_THROW(replay.draw(0), std::invalid_argument);
  EXPECT_THAT([&] { replay.draw(11); }, ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("11"), HasSubstr("10"))));
  replay.draw(5);
  const auto put_back = [](ReplayBuffer& into, const Shape& shape) {
    return [&into, shape] { into.put_back(Tensor::ones(shape)); };
  };
  EXPECT_THAT(put_back(replay, {5, 3}),
              ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("[5,2]"), HasSubstr("[5,3]"))));
  EXPECT_THAT(put_back(replay, {4, 2}),
              ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("[5,2]"), HasSubstr("[4,2]"))));
  ReplayBuffer fifo = buffer(Policy::fifo, 10, 0, 20);
  EXPECT_THAT(put_back(fifo, {5, 3}),
              ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("[5,2]"), HasSubstr("[5,3]"))));
  EXPECT_THROW(fifo.put_back(Tensor::ones({})), std::invalid_argument);
  EXPECT_EQ(fifo.size(), 0);
}

TEST(Replay, RefusesFreshChainsOfAnotherForm) {
  int64_t wrong = 0;
  const auto fresh = [&](int64_t count) { return Tensor::ones({count - wrong, 2}); };
  ReplayBuffer replay(10, 0.5, fresh, Noise(21, "test"));
  wrong = 1;
  EXPECT_THAT([&] { replay.draw(5); },
              ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("[replay]"), HasSubstr("[4,2]"))));
  EXPECT_THROW(ReplayBuffer(10, 0, fresh, Noise(21, "test")), std::invalid_argument);
}

}  // namespace
}  // namespace erg::test
