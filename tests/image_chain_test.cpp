// Langevin on a network that begins with a convolution joins the last step of the gradient and the move in one kernel,
// and its chains are those of any other energy.
#include <gmock/gmock.h>

#include "kernel_runs.h"
#include "samplers/langevin.h"

namespace erg::test {
namespace {

/// A small critic: a convolution, its activation, and a linear layer.
Sequential critic(Noise& noise, bool bias, bool spectral_norm) {
  ConvOptions options;
  options.stride = 2, options.pad = 1;
  options.bias = bias, options.spectral_norm = spectral_norm;
  return {{Conv2d(3, 8, 4, noise, options), Activation{Activation::Kind::silu}, Reshape{{8 * 3 * 3}},
           Linear(8 * 3 * 3, 1, noise)}};
}

Energy hidden(const Sequential& net) {
  return [net](const Tensor& x) { return NetEnergy{net}(x); };
}

TEST(ImageChain, IsTheChainOfAnyOtherEnergy) {
  for (const bool bias : {true, false})
    for (const bool spectral_norm : {true, false}) {
      Noise noise(31, "test"), a(32, "test"), b(32, "test");
      const Sequential net = critic(noise, bias, spectral_norm);
      const Tensor start = noise.uniform({5, 6, 6, 3}, -1, 1);
      Langevin langevin = Langevin::tempered(real(0.5), real(0.05));
      langevin.low = -1, langevin.high = 1;
      langevin.noise_first = bias;
      Chains joined(start), apart(start);
      const Trace joined_trace = advance(langevin, NetEnergy{net}, joined, 40, a);
      const Trace apart_trace = advance(langevin, hidden(net), apart, 40, b);
      EXPECT_THAT(joined.x.to_host(), testing::Pointwise(testing::FloatNear(1e-4f), apart.x.to_host()));
      EXPECT_THAT(joined_trace.energy.to_host(),
                  testing::Pointwise(testing::FloatNear(1e-4f), apart_trace.energy.to_host()));
      EXPECT_EQ(a.step(), b.step());
    }
}

TEST(ImageChain, MovesInOneLaunch) {
  Noise noise(33, "test");
  const Sequential net = critic(noise, true, false);
  const Tensor start = noise.uniform({2, 6, 6, 3}, -1, 1);
  const Launches seen;
  run(Langevin::exact(real(0.01)), NetEnergy{net}, start, 3, noise);
  EXPECT_THAT(seen.begun, testing::Contains(testing::Pair("conv2d_dx_langevin_", 3)));
  EXPECT_FALSE(seen.begun.contains("conv2d_dx"));
  EXPECT_FALSE(seen.begun.contains("langevin_"));
}

// Draws are kept with the energy and gradient of their own state, whichever way the steps went.
TEST(ImageChain, RecordsTheEnergyOfTheStateItKeeps) {
  Noise noise(34, "test"), a(35, "test");
  const Sequential net = critic(noise, true, false);
  Chains chains(noise.uniform({2, 6, 6, 3}, -1, 1));
  const Draws draws = record(Langevin::exact(real(0.01)), NetEnergy{net}, chains, 1, 3, a);
  const Tensor energy = NetEnergy{net}(chains.x);
  EXPECT_THAT(draws.energy.to_host(), testing::Pointwise(testing::FloatNear(1e-5f), energy.to_host()));
}

}  // namespace
}  // namespace erg::test
