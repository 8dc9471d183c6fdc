// Engines in two threads do not see each other: what each computes has the bits it has when it is alone, and what a
// thread records, traces or allocates is its own. Built with ThreadSanitizer too (the tsan preset), which finds the
// races that have not happened yet.
#include <gtest/gtest.h>

#include <functional>
#include <latch>
#include <thread>
#include <utility>

#include "erg.h"
#include "kernels/cpu/isa.h"
#include "kernels/kernel.h"
#include "op_cases.h"

namespace erg::test {
namespace {

constexpr Activation leaky{Activation::Kind::leaky_relu}, silu{Activation::Kind::silu};

/// Runs both at once, in a thread each.
void at_once(const std::function<void()>& a, const std::function<void()>& b) {
  std::latch start(2);
  const auto begin = [&start](const std::function<void()>& body) {
    start.arrive_and_wait();
    body();
  };
  std::thread one(begin, a), two(begin, b);
  one.join();
  two.join();
}

/// 8 points of a law of its own.
Batches points(uint64_t seed) {
  return [noise = Noise(seed, "data")]() mutable { return noise.normal({8, 2}) * real(0.3) + 1; };
}

/// A GAN in training, its samples, and DDLS on it.
std::vector<real> train_gan(uint64_t seed) {
  Noise weights(seed, "weights"), noise(seed, "samples");
  const Adam::Options adam{.rate = real(0.01)};
  Gan gan(mlp({2, 16, 2}, weights, {.batch_norm = true}), mlp({2, 16, 1}, weights, {.hidden = leaky}),
          {.generator_adam = adam, .discriminator_adam = adam}, Noise(seed, "latent"));
  const Batches data = points(seed);
  for (int i = 0; i < 5; ++i) gan.step(data);
  const auto generate = [&](const Tensor& z) { return gan.generate(z); };
  const auto logit = [&](const Tensor& x) { return gan.logit(x); };
  const Tensor z = run(Langevin::ddls(real(0.01)), ddls_energy(generate, logit), gan.prior(8, noise), 5, noise);
  return gan.generate(z).to_host();
}

/// An EBM in training by persistent chains, and exact samplers on it.
std::vector<real> train_ebm(uint64_t seed) {
  Noise weights(seed, "weights"), noise(seed, "chains");
  Tensor samples = noise.normal({8, 2});
  const auto sampler = [&](const Energy& energy, const Tensor&) {
    return samples = run(Langevin::exact(real(0.01)), energy, samples, 5, noise);
  };
  Ebm ebm(mlp({2, 16, 16, 1}, weights, {.hidden = {silu}}), {.adam = {.rate = real(0.01)}}, sampler,
          Noise(seed, "data noise"));
  const Batches data = points(seed);
  for (int i = 0; i < 5; ++i) ebm.step(data);
  const Tensor x = run(Mala{real(0.01)}, ebm.energy(), samples, 5, noise);
  return run(Hmc{.step_size = real(0.1), .leapfrog_steps = 3}, ebm.energy(), x, 3, noise).to_host();
}

/// A gradient penalty on a small convolutional critic with a spectral norm: the kernels of images, and a gradient of a
/// gradient.
std::vector<real> train_images(uint64_t seed) {
  Noise weights(seed, "weights"), noise(seed, "data");
  const ConvOptions halving{LayerOptions{.spectral_norm = true}, 2, 1}, same{LayerOptions{}, 1, 1};
  Sequential critic{{Conv2d(1, 8, 3, weights, halving), leaky, Conv2d(8, 8, 3, weights, same), BatchNorm(8, weights),
                     Reshape{{4 * 4 * 8}}, Linear(4 * 4 * 8, 1, weights)}};
  Adam adam(params(critic), {.rate = real(0.01)});
  for (int i = 0; i < 3; ++i) {
    const Tensor x = noise.normal({4, 8, 8, 1});
    Tape tape;
    tape.watch(params(critic));
    tape.watch(x);
    const Tensor slope = tape.grad(sum(critic(x, Mode::train)), {x}, Keep::graph)[0];
    adam.step(tape.grad(mean(square(sum_per_sample(square(slope)) - 1)), params(critic)));
  }
  return critic(noise.normal({4, 8, 8, 1}), Mode::eval).to_host();
}

struct Work {
  const char* name;
  std::vector<real> (*run)(uint64_t seed);
};
const Work works[] = {{"gan", train_gan}, {"ebm", train_ebm}, {"images", train_images}};

TEST(Threads, EnginesComputeWhatTheyComputeAlone) {
  for (const Work& a : works)
    for (const Work& b : works) {
      std::vector<real> of_a, of_b;
      at_once([&] { of_a = a.run(1); }, [&] { of_b = b.run(2); });
      EXPECT_EQ(of_a, a.run(1)) << a.name << " beside " << b.name;
      EXPECT_EQ(of_b, b.run(2)) << b.name << " beside " << a.name;
      EXPECT_NE(of_a, of_b);
    }
}

/// What an operation keeps for its next call, it keeps for its thread, or it shares without a race.
TEST(Threads, EveryOperationBesideItself) {
  for (const OpCase& row : op_cases()) {
    const auto output_and_gradients = [&row] {
      const Inputs x = draw_inputs(row);
      Tape tape;
      tape.watch(x);
      const Tensor y = row.f(x);
      std::vector<std::vector<real>> results{y.to_host()};
      for (const Tensor& g : tape.grad(sum(square(y)), x)) results.push_back(g.to_host());
      return results;
    };
    std::vector<std::vector<real>> a, b;
    at_once([&] { a = output_and_gradients(); }, [&] { b = output_and_gradients(); });
    EXPECT_EQ(a, output_and_gradients()) << row.name();
    EXPECT_EQ(b, a) << row.name();
  }
}

/// Weights that nobody trains may be read by many.
TEST(Threads, ChainsMayShareAnEnergy) {
  Noise weights(1, "weights");
  const Sequential net = mlp({2, 16, 1}, weights, {.hidden = {silu}});
  const auto chains = [&net](uint64_t seed) {
    Noise noise(seed, "chains");
    const Energy whole = NetEnergy{net};
    const Energy by_tape = [whole](const Tensor& x) { return whole(x) + sum_per_sample(square(x)); };
    const Tensor x = run(Langevin::exact(real(0.01)), whole, noise.normal({8, 2}), 10, noise);
    return run(Langevin::exact(real(0.01)), by_tape, x, 10, noise).to_host();
  };
  std::vector<real> a, b;
  at_once([&] { a = chains(1); }, [&] { b = chains(2); });
  EXPECT_EQ(a, chains(1));
  EXPECT_EQ(b, chains(2));
}

TEST(Threads, ATapeRecordsItsOwnThread) {
  const Tensor x = Tensor::ones({3});
  Tape tape;
  tape.watch(x);
  size_t elsewhere = 1;
  std::thread([&] {
    EXPECT_EQ(Tape::recording(), nullptr);
    const Tensor y = square(x);  // unrecorded: the tape that knows x is not this thread's
    Tape inner;
    const Tensor z = Tensor::ones({2});
    inner.watch(z);
    EXPECT_EQ(inner.grad(sum(square(z)), {z})[0].to_host(), (std::vector<real>{2, 2}));
    elsewhere = inner.size();
  }).join();
  EXPECT_EQ(elsewhere, 3u);
  EXPECT_EQ(tape.size(), 1u);
  EXPECT_EQ(Tape::recording(), &tape);
}

/// A pause in one thread does not stop the other's recording.
TEST(Threads, APauseIsItsOwnThreads) {
  std::latch paused(2), recorded(2);
  size_t nodes = 0;
  at_once(
      [&] {
        Tape tape;
        const Pause pause;
        paused.arrive_and_wait();
        recorded.arrive_and_wait();
        EXPECT_EQ(tape.size(), 0u);
      },
      [&] {
        Tape tape;
        const Tensor x = Tensor::ones({3});
        tape.watch(x);
        paused.arrive_and_wait();
        const Tensor y = square(x);
        nodes = tape.size();
        recorded.arrive_and_wait();
      });
  EXPECT_EQ(nodes, 2u);
}

/// One thread counts its kernels while the other launches many, and one that leaves its launches out changes nobody's.
TEST(Threads, ATraceSeesItsOwnThread) {
  const Tensor a = Tensor::ones({4, 4});
  const auto traced = [&a] {
    std::pair<int64_t, double> counts;  // calls, FLOPs
    kernels::trace = {
        .call = [](void* self, const kernels::Launch&, bool begins) { *static_cast<int64_t*>(self) += begins; },
        .self = &counts.first,
        .flops = &counts.second,
        .dry = true};
    for (int i = 0; i < 100; ++i) matmul(a, a);
    kernels::trace = {};
    return counts;
  };
  std::pair<int64_t, double> counts;
  std::vector<real> beside;
  at_once([&] { counts = traced(); }, [&] { beside = train_gan(1); });
  EXPECT_EQ(counts, traced());
  EXPECT_EQ(counts.second, 100 * 2 * 4 * 4 * 4);
  EXPECT_EQ(beside, train_gan(1));
}

/// Blocks are given back by whoever drops them last, and never to two at once.
TEST(Threads, OnePoolServesThemAll) {
  const auto before = Pool::of(cpu_device).stats();
  const auto fill = [](real value) {
    std::vector<Tensor> kept;
    for (int i = 0; i < 300; ++i) {
      kept.push_back(Tensor::full({1 + i % 40}, value));
      if (i % 3 == 0) kept.erase(kept.begin());
    }
    for (const Tensor& t : kept)
      for (const real x : t.to_host()) ASSERT_EQ(x, value);
  };
  at_once([&] { fill(1); }, [&] { fill(2); });
  Tensor travels = Tensor::full({40}, 3);
  std::thread([&travels] { travels = {}; }).join();
  const auto after = Pool::of(cpu_device).stats();
  EXPECT_EQ(after.live_blocks, before.live_blocks);
  EXPECT_EQ(after.live_bytes, before.live_bytes);
}

/// A scope diverts the storages of its own thread.
TEST(Threads, APoolScopeIsItsOwnThreads) {
  const auto own = std::make_shared<Pool>(cpu_device);
  const PoolScope scope(own);
  const Tensor here = Tensor::ones({5});
  std::thread([] { EXPECT_EQ(Pool::serving(cpu_device).get(), &Pool::of(cpu_device)); }).join();
  EXPECT_EQ(Pool::serving(cpu_device), own);
  EXPECT_EQ(own->stats().live_blocks, 1);
}

/// The choice of the instruction set is the process's; reading it while it is made anew is no race.
TEST(Threads, TheInstructionSetMayBeChosenAnyTime) {
  const kernels::cpu::Isa chosen = kernels::cpu::isa();
  at_once([&] { kernels::cpu::set_isa(chosen); }, [&] { EXPECT_EQ(kernels::cpu::isa(), chosen); });
}

}  // namespace
}  // namespace erg::test
