// The pool: sizes, reuse, poison and refusals; and that a training loop stops asking the system for memory.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <new>

#include "engine/storage.h"
#include "models/gan.h"
#include "models/meg.h"
#include "models/nets.h"
#include "models/wgan_gp.h"

namespace erg::test {
namespace {

Pool& pool() { return Pool::of(cpu_device); }

/// A block that gives itself back.
class Block {
 public:
  explicit Block(int64_t n) : n_(n), data_(pool().take(n)) {}
  ~Block() { pool().give_back(data_, n_); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  real* data() const { return data_; }

 private:
  int64_t n_;
  real* data_;
};

/// How many reals the block for a request of n really has.
int64_t block_size(int64_t n) {
  const int64_t before = pool().stats().live_bytes;
  const Block block(n);
  return (pool().stats().live_bytes - before) / int64_t(sizeof(real));
}

void expect_fitting_block(int64_t n) {
  const int64_t size = block_size(n);
  ASSERT_GE(size, n);
  ASSERT_LE(size, std::max<int64_t>(16, n + n / 4)) << "more than a quarter wasted on " << n;
  ASSERT_EQ(block_size(size), size) << "a full block of the bucket of " << n;
  if (n > 16) {
    ASSERT_LE(block_size(size + 1), std::max<int64_t>(16, size + size / 4)) << "the bucket after that of " << n;
  }
}

RC_GTEST_PROP(PoolBuckets, FitTheRequest, ()) {
  // Sizes spread evenly over the octaves, up to 4 MiB of floats.
  const int64_t octave = *rc::gen::inRange<int64_t>(0, 20);
  expect_fitting_block(*rc::gen::inRange<int64_t>(int64_t(1) << octave, (int64_t(2) << octave) + 1));
  RC_ASSERT(!testing::Test::HasFailure());
}

TEST(PoolBuckets, AreFourAnOctave) {
  EXPECT_EQ(block_size(0), 16);
  EXPECT_EQ(block_size(1), 16);
  EXPECT_EQ(block_size(16), 16);
  const int64_t sizes[] = {16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128};
  for (size_t i = 0; i + 1 < std::size(sizes); ++i) {
    EXPECT_EQ(block_size(sizes[i] + 1), sizes[i + 1]);
    EXPECT_EQ(block_size(sizes[i + 1]), sizes[i + 1]);
  }
}

TEST(Pool, HandsOutAlignedMemory) {
  for (const int64_t n : {0, 1, 17, 1000, 100000})
    EXPECT_EQ(reinterpret_cast<uintptr_t>(Block(n).data()) % 64, 0u) << n;
}

TEST(Pool, ReusesABlockOfTheSameBucket) {
  real* first;
  {
    const Block block(1000);
    first = block.data();
  }
  const int64_t asked = pool().stats().system_allocations;
  const Block block(990);
  EXPECT_EQ(block.data(), first);
  EXPECT_EQ(pool().stats().system_allocations, asked);
}

TEST(Pool, CountsWhatLivesAndWhatIsCached) {
  const auto before = pool().stats();
  {
    const Block block(5000);
    const auto during = pool().stats();
    EXPECT_EQ(during.live_blocks, before.live_blocks + 1);
    EXPECT_GE(during.live_bytes, before.live_bytes + 5000 * int64_t(sizeof(real)));
  }
  const auto after = pool().stats();
  EXPECT_EQ(after.live_blocks, before.live_blocks);
  EXPECT_EQ(after.live_bytes, before.live_bytes);
  EXPECT_GE(after.cached_bytes, 5000 * int64_t(sizeof(real)));
}

TEST(Pool, ReleaseReturnsTheCacheAndKeepsWhatLives) {
  const Block alive(100);
  alive.data()[99] = 7;
  { const Block block(5000); }
  pool().release();
  EXPECT_EQ(pool().stats().cached_bytes, 0);
  EXPECT_EQ(alive.data()[99], 7);
  const int64_t asked = pool().stats().system_allocations;
  { const Block block(5000); }
  EXPECT_EQ(pool().stats().system_allocations, asked + 1);
}

TEST(Pool, PoisonFillsEveryBlockWithNaN) {
  pool().poison(true);
  for (int round = 0; round < 2; ++round) {  // fresh memory, then a used block
    const Block block(100);
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(std::isnan(block.data()[i]));
    std::fill_n(block.data(), 100, real(1));
  }
  pool().poison(false);
  const Block block(100);
  EXPECT_EQ(block.data()[50], 1) << "without poison a used block comes back as it is";
}

TEST(Pool, ThrowsBadAllocForAbsurdSizes) {
  const auto before = pool().stats();
  EXPECT_THROW(pool().take(-1), std::bad_alloc);
#ifdef __SANITIZE_ADDRESS__
  const int first =
      53;  // below it the pool asks the system, and the sanitizer's operator new aborts where it should throw
#else
  const int first = 46;
#endif
  for (int octave = first; octave < 63; ++octave)
    for (const int64_t n : {(int64_t(1) << octave) - 1, int64_t(1) << octave, (int64_t(1) << octave) + 1})
      EXPECT_THROW(pool().take(n), std::bad_alloc) << n;
  EXPECT_THROW(pool().take(std::numeric_limits<int64_t>::max()), std::bad_alloc);
  EXPECT_EQ(pool().stats().live_blocks, before.live_blocks);
  EXPECT_EQ(pool().stats().live_bytes, before.live_bytes);
}

TEST(Pool, HasNoOtherDevice) { EXPECT_THROW(Pool::of({Device::Kind::cuda, 99}), DeviceError); }

// ---- Training loops

/// Runs one step, then some more, which must find all their memory in the pool.
template <class System>
void expect_steady(System& system, const Batches& next, int warm_up = 1) {
  for (int i = 0; i < warm_up; ++i) system.step(next);
  const auto warm = pool().stats();
  for (int i = 0; i < 3; ++i) system.step(next);
  EXPECT_EQ(pool().stats().system_allocations, warm.system_allocations);
  EXPECT_EQ(pool().stats().live_blocks, warm.live_blocks);
  EXPECT_EQ(pool().stats().live_bytes, warm.live_bytes);
}

TEST(TrainingLoops, AnMlpAsksTheSystemOnlyInItsFirstStep) {
  Noise noise(1, "test");
  Sequential net = mlp({3, 20, 20, 1}, noise, {.batch_norm = true});
  Adam adam(params(net), {});
  const auto step = [&] {
    Tape tape;
    const auto all = params(net);
    tape.watch(all);
    const Tensor x = noise.normal({16, 3});
    adam.step(tape.grad(mean(square(net(x, Mode::train) - sum_to(x, {16, 1}))), all));
  };
  step();
  const int64_t asked = pool().stats().system_allocations;
  for (int i = 0; i < 5; ++i) step();
  EXPECT_EQ(pool().stats().system_allocations, asked);
}

TEST(TrainingLoops, AConvolutionalGanIsSteadyAfterOneStep) {
  Noise noise(2, "test");
  const DcganOptions options{.size = 28, .channels = 1, .latent = 8, .width = 2};
  Gan gan(dcgan_generator(options, noise), dcgan_critic(options, noise, {.spectral_norm = true}), {.latent = 8},
          noise.fork("latent"));
  expect_steady(gan, [&] { return noise.uniform({4, 28, 28, 1}, -1, 1); });
}

TEST(TrainingLoops, DoubleBackwardIsSteadyToo) {
  Noise noise(3, "test");
  const DcganOptions options{.size = 32, .channels = 3, .latent = 8, .width = 2};
  WganGp wgan(dcgan_generator(options, noise), dcgan_critic(options, noise), {.latent = 8, .critic_steps = 1},
              noise.fork("latent"));
  expect_steady(
      wgan,
      [&] {
        return noise.uniform({3, 32, 32, 3}, -1, 1);
      },
      2);  // the first step has no generator's
}

TEST(TrainingLoops, MegIsSteadyAfterOneStep) {
  Noise noise(4, "test");
  const MlpOptions leaky{.hidden{Activation::Kind::leaky_relu}};
  Meg meg(mlp({2, 16, 2}, noise), mlp({2, 16, 1}, noise, leaky), {{}, mlp({4, 16, 1}, noise, leaky)},
          {.latent = 2, .energy_steps = 2}, noise.fork("latent"));
  expect_steady(meg, [&] { return noise.normal({8, 2}); });
}

}  // namespace
}  // namespace erg::test
