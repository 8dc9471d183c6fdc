// What memory a tape leaves behind, and that each thread has a tape of its own.
#include <gmock/gmock.h>

#include <thread>

#include "engine/nn.h"
#include "engine/ops.h"
#include "engine/optim.h"
#include "engine/random.h"
#include "engine/tape.h"
#include "models/nets.h"
#include "models/wgan_gp.h"

namespace erg::test {
namespace {

using testing::ElementsAre;

Tensor vector(std::initializer_list<real> values) {
  return Tensor::from_host({int64_t(values.size())}, std::vector<real>(values));
}

int64_t live_blocks() { return Pool::of(cpu_device).stats().live_blocks; }

TEST(TapeMemory, ReturnsToTheBaselineWhenTheTapeDies) {
  Noise noise(4, "test");
  Sequential net = mlp({3, 8, 8, 1}, noise, {.hidden{Activation::Kind::tanh}, .batch_norm = true});
  const auto all = params(net);
  const Tensor x = noise.normal({5, 3});
  const int64_t baseline = live_blocks();
  for (const Keep keep : {Keep::nothing, Keep::tape, Keep::graph}) {
    {
      Tape tape;
      tape.watch(all);
      const auto gradients = tape.grad(mean(square(net(x, Mode::train))), all, keep);
      EXPECT_GT(live_blocks(), baseline);
    }
    EXPECT_EQ(live_blocks(), baseline) << "Keep " << int(keep);
  }
}

TEST(TapeMemory, ReturnsToTheBaselineAfterASecondDerivative) {
  Noise noise(5, "test");
  Sequential net = mlp({3, 8, 1}, noise, {.hidden{Activation::Kind::tanh}});
  const auto all = params(net);
  const Tensor x = noise.normal({5, 3});
  const int64_t baseline = live_blocks();
  {
    Tape tape;
    tape.watch(all);
    tape.watch(x);
    const Tensor g = tape.grad(sum(net(x, Mode::train)), {x}, Keep::graph)[0];
    tape.grad(mean(square(g)), all);
  }
  EXPECT_EQ(live_blocks(), baseline);
}

TEST(TapeMemory, ReturnsToTheBaselineWhenAnExceptionFlies) {
  Noise noise(6, "test");
  const Tensor x = noise.normal({5, 3});
  const int64_t baseline = live_blocks();
  EXPECT_THROW(
      {
        Tape tape;
        tape.watch(x);
        const Tensor h = tape.grad(sum(tape.grad(sum(exp(x)), {x}, Keep::graph)[0]), {x}, Keep::graph)[0];
        tape.grad(sum(h), {x});
      },
      std::logic_error);
  EXPECT_EQ(live_blocks(), baseline);
  EXPECT_EQ(Tape::recording(), nullptr);
}

/// Keep::nothing gives memory back as the sweep passes: what is left is what the caller holds.
TEST(TapeMemory, IsReleasedDuringTheLastSweep) {
  const Tensor x = vector({1, 2, 3});
  Tape tape;
  tape.watch(x);
  const int64_t baseline = live_blocks();
  Tensor y = x;
  for (int i = 0; i < 20; ++i) y = tanh(y);
  y = sum(y);
  EXPECT_EQ(live_blocks(), baseline + 21) << "every result is kept for its derivative";
  const Tensor g = tape.grad(y, {x})[0];
  EXPECT_EQ(live_blocks(), baseline + 2) << "y and the gradient";
}

TEST(TapeThreads, EachThreadHasItsOwn) {
  Noise noise(7, "test");
  Sequential net = mlp({2, 16, 1}, noise, {.hidden{Activation::Kind::tanh}});
  const Tensor x0 = noise.normal({4, 2});
  const auto gradient = [&net](const Tensor& x) {
    Tape tape;
    tape.watch(x);
    return tape.grad(sum(net(x, Mode::eval)), {x})[0].to_host();
  };
  const auto expected = gradient(x0);
  Tape of_this_thread;
  int wrong[2] = {};
  std::vector<std::thread> threads;
  for (int& errors : wrong)
    threads.emplace_back([&] {
      if (Tape::recording()) ++errors;
      const Tensor x = x0.clone();
      for (int i = 0; i < 200; ++i)
        if (gradient(x) != expected) ++errors;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong[0] + wrong[1], 0);
  EXPECT_EQ(of_this_thread.size(), 0u);
}

}  // namespace
}  // namespace erg::test
