// Langevin on a NetEnergy runs whole chains in one kernel, by itself, and they are the chains of the tape.
#include <gmock/gmock.h>

#include <limits>

#include "kernel_runs.h"
#include "models/nets.h"
#include "samplers/langevin.h"

namespace erg::test {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr real infinite = std::numeric_limits<real>::infinity();

/// Runs 100 steps on the net as itself and as a function that hides it.
void expect_same_chain(const Sequential& net, const Langevin& langevin, const Tensor& start, bool whole = true) {
  Noise a(17, "test"), b(17, "test");
  int launches = 0;
  Tensor x;
  {
    const Launches seen;
    x = run(langevin, NetEnergy{net}, start, 100, a);
    launches = seen.begun.contains("dense_chain_") ? seen.begun.at("dense_chain_") : 0;
  }
  EXPECT_EQ(launches, whole) << "one launch for all steps";
  const Tensor y = run(
      langevin, [&](const Tensor& t) { return NetEnergy{net}(t); }, start, 100, b);
  EXPECT_THAT(x.to_host(), testing::Pointwise(testing::FloatNear(1e-4f), y.to_host()));
  EXPECT_EQ(a.step(), b.step());
}

TEST(WholeChain, IsTheChainOfTheTape) {
  using Kind = Activation::Kind;
  for (const Kind kind : {Kind::leaky_relu, Kind::relu, Kind::silu, Kind::softplus, Kind::tanh}) {
    Noise noise(18, "test");
    const Sequential net = mlp({2, 128, 128, 1}, noise, {.hidden = {kind}});
    expect_same_chain(net, Langevin::exact(real(0.01)), noise.normal({37, 2}));
    Langevin boxed = Langevin::tempered(real(0.05), real(0.1));
    boxed.low = -1, boxed.high = 1, boxed.grad_clip = real(0.2);
    expect_same_chain(net, boxed, noise.normal({3, 2}));
  }
}

TEST(WholeChain, GoesOnInAFurtherLaunch) {
  Noise noise(28, "test"), a(29, "test"), b(29, "test");
  const Sequential net = mlp({2, 8, 1}, noise);
  const Langevin langevin = Langevin::exact(real(0.01));
  Chains once(Tensor::ones({3, 2})), parts(Tensor::ones({3, 2}));
  const auto energies = advance(langevin, NetEnergy{net}, once, 1500, a).energy.to_host();
  std::vector<real> joined;
  for (const int64_t steps : {int64_t(700), int64_t(800)})
    for (const real e : advance(langevin, NetEnergy{net}, parts, steps, b).energy.to_host()) joined.push_back(e);
  EXPECT_EQ(joined, energies);
  EXPECT_EQ(once.x.to_host(), parts.x.to_host());
  EXPECT_EQ(once.steps, 1500);
}

TEST(WholeChain, IsNotTakenWhereTheKernelCannot) {
  Noise noise(19, "test");
  const Tensor start = noise.normal({5, 2});
  const Langevin langevin = Langevin::exact(real(0.01));
  expect_same_chain(mlp({2, 8, 1}, noise, {.hidden = {Activation::Kind::elu}}), langevin, start, false);
  expect_same_chain(mlp({2, 300, 1}, noise), langevin, start, false);
  expect_same_chain(mlp({2, 8, 1}, noise, {.spectral_norm = true}), langevin, start, false);
  const Sequential first = mlp({2, 8, 4}, noise), second = mlp({8, 1}, noise);
  Sequential broken = first;
  broken.layers.insert(broken.layers.end(), second.layers.begin(), second.layers.end());
  EXPECT_THAT([&] { run(langevin, NetEnergy{broken}, start, 1, noise); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("matmul")));
  Langevin igebm_order = langevin;
  igebm_order.noise_first = true;
  expect_same_chain(mlp({2, 8, 1}, noise), igebm_order, start, false);
}

TEST(WholeChain, NamesTheStepOfAnEnergyThatIsNoNumber) {
  Noise noise(20, "test");
  Sequential net = mlp({2, 8, 1}, noise);
  Tensor start = noise.normal({20, 2});
  start.mutate()[2 * 13] = infinite;
  try {
    run(Langevin::exact(real(0.01)), NetEnergy{net}, start, 100, noise);
    FAIL() << "nothing was thrown";
  } catch (const DivergedError& error) {
    EXPECT_EQ(error.chain, 13);
    EXPECT_EQ(error.step, 1);
  }
}

}  // namespace
}  // namespace erg::test
