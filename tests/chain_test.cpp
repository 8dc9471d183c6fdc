// Whole chains on small networks: against plain loops in double, and against themselves, since a chain's bits may
// depend neither on the batch it runs in, nor on threads, nor on how many steps a launch makes. How many chains there
// are decides which lanes hold what, so the batches here reach every form of the kernel.
#include "kernels/chain.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "kernel_runs.h"
#include "kernels/philox.h"

namespace erg::kernels {
namespace {

using test::cpu_stream;
using test::nan_filled;
using test::on_every_isa;
using test::random_reals;
using Unit = DenseLayer::Unit;

constexpr real infinity = std::numeric_limits<real>::infinity();
constexpr real nan = std::numeric_limits<real>::quiet_NaN();
constexpr LangevinUpdate plain{real(0.02), real(0.2), -infinity, infinity, infinity};

/// A network with random weights; `widths` begins with the dimension of x and ends with 1.
struct Net {
  std::vector<std::vector<real>> weights, biases;
  std::vector<DenseLayer> layers;

  Net(const std::vector<int>& widths, Unit unit, bool with_bias = true, real slope = real(0.2)) {
    for (size_t l = 0; l + 1 < widths.size(); ++l) {
      const real size = 1 / std::sqrt(real(widths[l]));
      weights.push_back(random_reals(widths[l] * widths[l + 1], unsigned(l + 1), -2 * size, 2 * size));
      biases.push_back(random_reals(widths[l + 1], unsigned(100 + l)));
    }
    for (size_t l = 0; l + 1 < widths.size(); ++l)
      layers.push_back({widths[l], widths[l + 1], weights[l].data(), with_bias ? biases[l].data() : nullptr,
                        l + 2 < widths.size() ? unit : Unit::identity, slope});
  }
  DenseNet view() const { return {int(layers.size()), layers.data()}; }
  int dimensions() const { return layers[0].in; }
};

/// Where chains go, and the energies they met.
struct Launch {
  const Net& net;
  int steps = 100;
  LangevinUpdate update = plain;
  uint64_t seed = 2024;
  uint32_t step = 0xFFFFFFF0u;  // wraps on the way
  int64_t first = 0;

  NoiseKey key() const { return {seed, 9, &step, first}; }

  /// The chains that start at x, then the energies: [chains, d] and [steps, chains].
  std::vector<real> operator()(const std::vector<real>& x) const {
    const DenseNet view = net.view();
    const int64_t chains = int64_t(x.size()) / net.dimensions();
    std::vector<real> workspace = nan_filled(dense_chain_workspace(cpu_device, view)), ends = x;
    std::vector<real> energies = nan_filled(steps * chains);
    dense_chain_(cpu_stream, view, update, key(), chains, steps, workspace.data(), energies.data(), ends.data());
    ends.insert(ends.end(), energies.begin(), energies.end());
    return ends;
  }
};

// ---- The same in double, chain by chain

double unit_value(const DenseLayer& layer, double x) {
  switch (layer.unit) {
    case Unit::identity: return x;
    case Unit::leaky_relu: return x < 0 ? layer.slope * x : x;
    case Unit::silu: return x / (1 + std::exp(-x));
    case Unit::softplus: return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
    case Unit::tanh: return std::tanh(x);
  }
  return 0;
}

double unit_slope(const DenseLayer& layer, double x) {
  const double sigmoid = 1 / (1 + std::exp(-x));
  switch (layer.unit) {
    case Unit::identity: return 1;
    case Unit::leaky_relu: return x < 0 ? layer.slope : 1;
    case Unit::silu: return sigmoid * (1 + x * (1 - sigmoid));
    case Unit::softplus: return sigmoid;
    case Unit::tanh: return 1 - std::tanh(x) * std::tanh(x);
  }
  return 0;
}

/// The energy at x; x becomes its gradient.
double energy_and_gradient(const DenseNet& net, std::vector<double>& x) {
  std::vector<std::vector<double>> sums;
  for (int l = 0; l < net.layers; ++l) {
    const DenseLayer& layer = net.layer[l];
    std::vector<double> y(size_t(layer.out), 0.0);
    for (int u = 0; u < layer.out; ++u) {
      if (layer.bias) y[size_t(u)] = layer.bias[u];
      for (int i = 0; i < layer.in; ++i) y[size_t(u)] += x[size_t(i)] * double(layer.weight[i * layer.out + u]);
    }
    sums.push_back(y);
    for (double& value : y) value = unit_value(layer, value);
    x = y;
  }
  const double energy = x[0];
  x = {1.0};
  for (int l = net.layers; l-- > 0;) {
    const DenseLayer& layer = net.layer[l];
    std::vector<double> g(size_t(layer.in), 0.0);
    for (int u = 0; u < layer.out; ++u) {
      const double slope = unit_slope(layer, sums[size_t(l)][size_t(u)]) * x[size_t(u)];
      for (int i = 0; i < layer.in; ++i) g[size_t(i)] += slope * double(layer.weight[i * layer.out + u]);
    }
    x = g;
  }
  return energy;
}

double normal_of(const NoiseKey& key, int step, int64_t element) {
  const philox::Block words = philox::draw(uint64_t(element) / 4, *key.step + uint32_t(step), key.stream, key.seed);
  const int pair = int(element % 4 / 2 * 2);
  const auto z = philox::box_muller<real>(words.word[pair], words.word[pair + 1]);
  return element % 2 == 0 ? z.first : z.second;
}

/// What Launch should give.
std::vector<double> exact(const Launch& launch, const std::vector<real>& starts) {
  const int64_t d = launch.net.dimensions(), chains = int64_t(starts.size()) / d;
  const NoiseKey key = launch.key();
  std::vector<double> x(starts.begin(), starts.end()), energies(size_t(launch.steps * chains));
  for (int64_t b = 0; b < chains; ++b)
    for (int k = 0; k < launch.steps; ++k) {
      std::vector<double> g(x.begin() + b * d, x.begin() + (b + 1) * d);
      energies[size_t(k * chains + b)] = energy_and_gradient(launch.net.view(), g);
      for (int64_t i = 0; i < d; ++i) {
        double& position = x[size_t(b * d + i)];
        position -=
            launch.update.drift * std::clamp<double>(g[size_t(i)], -launch.update.grad_clip, launch.update.grad_clip);
        if (launch.update.noise != 0) position += launch.update.noise * normal_of(key, k, key.first + b * d + i);
        position = std::clamp<double>(position, launch.update.low, launch.update.high);
      }
    }
  x.insert(x.end(), energies.begin(), energies.end());
  return x;
}

std::vector<real> starts(const Net& net, int64_t chains) { return random_reals(chains * net.dimensions(), 7, -2, 2); }

void expect_follows(const Launch& launch, const std::vector<real>& x) {
  const std::vector<double> expected = exact(launch, x);
  on_every_isa([&] { return launch(x); },
               [&](const std::vector<real>& actual) {
                 ASSERT_EQ(actual.size(), expected.size());
                 for (size_t i = 0; i < actual.size(); ++i)
                   ASSERT_NEAR(actual[i], expected[i], 1e-4 * std::max(1.0, std::fabs(expected[i]))) << "at " << i;
               });
}

std::string name(const std::vector<int>& widths) {
  std::string all;
  for (int width : widths) all += (all.empty() ? "" : "-") + std::to_string(width);
  return all;
}

constexpr Unit units[] = {Unit::identity, Unit::leaky_relu, Unit::silu, Unit::softplus, Unit::tanh};

class EveryUnit : public testing::TestWithParam<Unit> {};

TEST_P(EveryUnit, FollowsDouble) {
  for (const auto& widths : std::vector<std::vector<int>>{{1, 1},
                                                          {3, 1},
                                                          {64, 1},
                                                          {2, 128, 1},
                                                          {7, 17, 1},
                                                          {1, 3, 17, 1},
                                                          {2, 64, 64, 1},
                                                          {3, 1, 2, 3, 1},
                                                          {64, 13, 5, 9, 1}})
    for (int64_t chains : {1, 5, 17}) {
      SCOPED_TRACE(name(widths) + ", chains " + std::to_string(chains));
      const Net net(widths, GetParam());
      expect_follows(Launch{net}, starts(net, chains));
    }
}

TEST_P(EveryUnit, FarFromZero) {
  const Net net({1, 1, 1}, GetParam());
  const std::vector<real> x = {-1e6, -300, -100, -90, -50, -20, -1e-3, 0, 1e-3, 20, 50, 90, 100, 300, 1e6};
  Launch launch{net, 1};
  launch.update.noise = 0;
  expect_follows(launch, x);
}

INSTANTIATE_TEST_SUITE_P(Chain, EveryUnit, testing::ValuesIn(units));

TEST(Chain, WidestLayers) {
  for (const auto& widths : std::vector<std::vector<int>>{{2, 128, 128, 1}, {256, 256, 1}, {3, 255, 256, 1}}) {
    SCOPED_TRACE(name(widths));
    const Net net(widths, Unit::silu);
    expect_follows(Launch{net, 30}, starts(net, 18));
  }
}

TEST(Chain, EveryWidthOfATile) {
  for (int width = 1; width <= 40; ++width) {
    const Net net({2, width, width, 1}, Unit::tanh);
    for (int64_t chains : {3, 10}) {
      SCOPED_TRACE(std::to_string(width) + " units, chains " + std::to_string(chains));
      expect_follows(Launch{net, 5}, starts(net, chains));
    }
  }
}

TEST(Chain, BiasesMayBeAbsent) {
  const Net net({2, 20, 20, 1}, Unit::silu, false);
  expect_follows(Launch{net}, starts(net, 20));
}

TEST(Chain, ReluIsLeakyReluWithoutSlope) {
  const Net net({2, 20, 20, 1}, Unit::leaky_relu, true, 0);
  expect_follows(Launch{net}, starts(net, 20));
}

TEST(Chain, ClipsAndClamps) {
  const Net net({2, 20, 20, 1}, Unit::silu);
  const std::vector<real> x = starts(net, 20);
  Launch launch{net};
  launch.update = {real(0.1), real(0.05), real(-0.5), real(0.25), real(0.02)};
  expect_follows(launch, x);
  const std::vector<real> y = launch(x), ends(y.begin(), y.begin() + 40);
  EXPECT_THAT(ends, testing::Each(testing::AllOf(testing::Ge(launch.update.low), testing::Le(launch.update.high))));
  EXPECT_THAT(ends, testing::Contains(launch.update.low));
}

TEST(Chain, WithoutNoiseDrawsNothing) {
  const Net net({2, 20, 20, 1}, Unit::silu);
  const std::vector<real> x = starts(net, 20);
  Launch launch{net};
  launch.update.noise = 0;
  expect_follows(launch, x);
  Launch other = launch;
  other.seed = 1;
  EXPECT_EQ(launch(x), other(x));
  launch.update.noise = other.update.noise = real(1e-3);
  EXPECT_NE(launch(x), other(x));
}

/// On a flat energy a step of unit noise from 0 ends where the noise says.
TEST(Chain, NoiseIsThatOfNormal) {
  for (int d : {1, 2, 3, 7, 64})
    for (int64_t chains : {1, 2, 5, 16, 17, 100, 450})
      for (int64_t first : {int64_t(0), int64_t(5), (int64_t(1) << 34) - 18}) {
        SCOPED_TRACE("d " + std::to_string(d) + ", chains " + std::to_string(chains));
        Net net({d, 3, 1}, Unit::silu);
        for (auto& weights : net.weights) std::fill(weights.begin(), weights.end(), real(0));
        Launch launch{net, 1};
        launch.update = {0, 1, -infinity, infinity, infinity};
        launch.first = first;
        on_every_isa(
            [&] {
              std::vector<real> ends = launch(std::vector<real>(size_t(chains * d), real(0)));
              ends.resize(size_t(chains * d));
              return ends;
            },
            [&](const std::vector<real>& ends) {
              std::vector<real> z = nan_filled(chains * d);
              normal(cpu_stream, launch.key(), chains * d, z.data());
              EXPECT_EQ(ends, z);
            });
      }
}

/// Chains [first, first + count) of a batch by themselves.
std::vector<real> part_of(Launch launch, const std::vector<real>& x, int64_t first, int64_t count) {
  const int64_t d = launch.net.dimensions();
  launch.first += first * d;
  return launch({x.begin() + first * d, x.begin() + (first + count) * d});
}

TEST(Chain, BitsDoNotDependOnTheBatch) {
  for (const auto& widths :
       std::vector<std::vector<int>>{{2, 128, 128, 1}, {7, 17, 1}, {3, 1}, {1, 2, 1, 3, 1}, {64, 3, 40, 1}})
    for (Unit unit : units) {
      SCOPED_TRACE(name(widths));
      const Net net(widths, unit);
      const int64_t chains = 450, d = net.dimensions();
      Launch launch{net, 10};
      launch.first = 3;
      const std::vector<real> x = starts(net, chains);
      on_every_isa(
          [&] { return launch(x); },
          [&](const std::vector<real>& whole) {
            int64_t first = 0;
            for (int64_t count : {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, 14, 150, 200}) {
              const std::vector<real> part = part_of(launch, x, first, count);
              for (int64_t i = 0; i < count * d; ++i) ASSERT_EQ(part[size_t(i)], whole[size_t(first * d + i)]);
              for (int64_t k = 0; k < launch.steps; ++k)
                for (int64_t b = 0; b < count; ++b)
                  ASSERT_EQ(part[size_t(count * d + k * count + b)], whole[size_t(chains * d + k * chains + first + b)])
                      << "energy of chain " << b << " of " << count << " at step " << k;
              first += count;
            }
            ASSERT_EQ(first, chains);
          });
    }
}

TEST(Chain, TwoLaunchesContinueOne) {
  const Net net({2, 30, 30, 1}, Unit::softplus);
  for (int64_t chains : {1, 7, 40}) {
    const std::vector<real> x = starts(net, chains), whole = Launch{net, 10}(x);
    Launch half{net, 5};
    std::vector<real> y = half(x);
    y.resize(x.size());
    half.step += 5;
    y = half(y);
    EXPECT_TRUE(std::equal(y.begin(), y.begin() + int64_t(x.size()), whole.begin()));
  }
}

TEST(Chain, LeavesTheStepWordAlone) {
  const Net net({2, 3, 1}, Unit::tanh);
  const Launch launch{net, 10};
  launch(starts(net, 3));
  EXPECT_EQ(launch.step, 0xFFFFFFF0u);
}

TEST(Chain, NoStepsAndNoChains) {
  const Net net({2, 3, 1}, Unit::tanh);
  EXPECT_EQ((Launch{net, 0}(starts(net, 3))), starts(net, 3));
  EXPECT_TRUE((Launch{net, 3}({}).empty()));
}

/// The chain's other coordinate may or may not follow: the slope of a piecewise linear unit knows no NaN.
TEST(Chain, NanStaysInItsChain) {
  for (Unit unit : units)
    for (int64_t chains : {2, 7, 40}) {
      const Net net({2, 20, 20, 1}, unit);
      Launch launch{net, 5};
      launch.update = {real(0.02), real(0.2), -3, 3, 1};
      const std::vector<real> x = starts(net, chains);
      std::vector<real> spoilt = x;
      spoilt[2] = nan;  // the first of chain 1
      on_every_isa([&] { return launch(spoilt); },
                   [&](const std::vector<real>& y) {
                     const std::vector<real> healthy = launch(x);
                     EXPECT_TRUE(std::isnan(y[2]));
                     for (int64_t i = 0; i < chains * 2; ++i)
                       if (i / 2 != 1) { EXPECT_EQ(y[size_t(i)], healthy[size_t(i)]); }
                     for (int64_t k = 0; k < launch.steps; ++k)
                       for (int64_t b = 0; b < chains; ++b) {
                         const size_t energy = size_t(chains * 2 + k * chains + b);
                         EXPECT_TRUE(b == 1 ? std::isnan(y[energy]) : y[energy] == healthy[energy]);
                       }
                   });
    }
}

}  // namespace
}  // namespace erg::kernels
