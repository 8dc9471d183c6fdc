// Whole chains on the device: against the CPU's, and against themselves, since a chain's bits may depend neither on the
// batch it runs in nor on the order of threads. How many chains there are for each multiprocessor decides which tiles
// run them, and how wide and how many the layers are which weights stay in shared memory; the cases reach every kind.
#include <memory>

#include "cuda_runs.h"
#include "kernels/chain.h"
#include "kernels/update.h"

namespace erg::test {
namespace {

using namespace kernels;
using Unit = DenseLayer::Unit;
using Widths = std::vector<int>;

constexpr real infinity = std::numeric_limits<real>::infinity(), nan = std::numeric_limits<real>::quiet_NaN();
constexpr LangevinUpdate plain{real(0.02), real(0.2), -infinity, infinity, infinity};

/// A network with random weights; `widths` begins with the dimension of x and ends with 1.
struct Weights {
  Widths widths;
  Unit unit = Unit::silu;
  bool with_bias = true;
  real slope = real(0.2);
  std::vector<std::vector<real>> weights{}, biases{};

  Weights& fill() {
    for (size_t l = 0; l + 1 < widths.size(); ++l) {
      const real size = 1 / std::sqrt(real(widths[l]));
      weights.push_back(random_reals(widths[l] * widths[l + 1], unsigned(l + 1), -2 * size, 2 * size));
      biases.push_back(random_reals(widths[l + 1], unsigned(100 + l)));
    }
    return *this;
  }
  /// The layers with their weights where place(values) puts them.
  template <class Place>
  std::vector<DenseLayer> layers(const Place& place) const {
    std::vector<DenseLayer> all;
    for (size_t l = 0; l + 1 < widths.size(); ++l)
      all.push_back({widths[l], widths[l + 1], place(weights[l]), with_bias ? place(biases[l]) : nullptr,
                     l + 2 < widths.size() ? unit : Unit::identity, slope});
    return all;
  }
};

/// A network on both devices. `offset` moves the device's weights off their alignment.
struct Net {
  Weights host;
  std::vector<std::unique_ptr<DeviceReals>> arrays;
  std::vector<DenseLayer> on_host, on_device;

  explicit Net(Weights weights, int64_t offset = 0) : host(std::move(weights.fill())) {
    on_host = host.layers([](const std::vector<real>& values) { return values.data(); });
    on_device = host.layers([&](const std::vector<real>& values) {
      return arrays.emplace_back(std::make_unique<DeviceReals>(values, offset))->data();
    });
  }
  int64_t dimensions() const { return host.widths[0]; }
  std::string name() const {
    std::string all;
    for (const int width : host.widths) all += (all.empty() ? "" : "-") + std::to_string(width);
    return all;
  }
};

/// Where chains go, and the energies they met.
struct ChainRun {
  const Net& net;
  int steps = 100;
  LangevinUpdate update = plain;
  uint64_t seed = 2024;
  uint32_t step = 0xFFFFFFF0u;  // wraps on the way
  int64_t first = 0;

  int64_t chains(const std::vector<real>& x) const { return int64_t(x.size()) / net.dimensions(); }

  /// The chains that start at x, then the energies: [chains, d] and [steps, chains].
  std::vector<real> on_cpu(std::vector<real> x) const {
    const DenseNet view{int(net.on_host.size()), net.on_host.data()};
    std::vector<real> workspace = nan_filled(dense_chain_workspace(cpu_device, view));
    std::vector<real> energies = nan_filled(steps * chains(x));
    dense_chain_(cpu_stream, view, update, {seed, 9, &step, first}, chains(x), steps, workspace.data(), energies.data(),
                 x.data());
    x.insert(x.end(), energies.begin(), energies.end());
    return x;
  }
  std::vector<real> on_device(const std::vector<real>& starts) const {
    const DenseNet view{int(net.on_device.size()), net.on_device.data()};
    const DeviceArray<uint32_t> step_word(std::vector<uint32_t>{step});
    DeviceReals x(starts), energies(steps * chains(starts));
    DeviceReals workspace(dense_chain_workspace(cuda_stream().device, view));
    dense_chain_(cuda_stream(), view, update, {seed, 9, step_word.data(), first}, chains(starts), steps,
                 workspace.data(), energies.data(), x.data());
    EXPECT_EQ(step_word.to_host()[0], step) << "the step word was to be left alone";
    std::vector<real> all = x.to_host();
    const std::vector<real> met = energies.to_host();
    all.insert(all.end(), met.begin(), met.end());
    return all;
  }
};

std::vector<real> starts(const Net& net, int64_t chains) { return random_reals(chains * net.dimensions(), 7, -2, 2); }

void expect_agreement(const ChainRun& run, int64_t chains) {
  SCOPED_TRACE(run.net.name() + ", chains " + std::to_string(chains));
  const std::vector<real> x = starts(run.net, chains);
  EXPECT_TRUE(near_each(run.on_device(x), run.on_cpu(x), 1e-4));
}

/// Numbers of chains that are run in tiles of four chains, of eight, and of a warp each.
struct Counts {
  int64_t few, some, many;
  Counts() {
    const int64_t multiprocessors = kernels::cuda::multiprocessors(0);
    few = 4 * multiprocessors - 1, some = 13 * multiprocessors - 2, many = 35 * multiprocessors + 3;
  }
};

class CudaChain : public testing::Test {
 protected:
  void SetUp() override { ERG_NEEDS_CUDA(); }
};

constexpr Unit units[] = {Unit::identity, Unit::leaky_relu, Unit::silu, Unit::softplus, Unit::tanh};

TEST_F(CudaChain, EveryUnitAfterAHundredSteps) {
  for (const Unit unit : units) {
    SCOPED_TRACE("unit " + std::to_string(int(unit)));
    for (const Widths& widths : std::vector<Widths>{{1, 1}, {9, 1}, {2, 17, 1}, {7, 17, 21, 1}, {3, 1, 2, 3, 1}}) {
      const Net net({widths, unit});
      expect_agreement({net}, 5);
    }
  }
}

TEST_F(CudaChain, EveryTile) {
  const Counts counts;
  for (const Widths& widths : std::vector<Widths>{{2, 128, 128, 1}, {5, 33, 70, 1}, {100, 20, 1}})
    for (const int64_t chains : {counts.few, counts.some, counts.many}) {
      const Net net({widths});
      expect_agreement({net, 3}, chains);
    }
}

TEST_F(CudaChain, EveryWidthOfAProduct) {
  for (int width = 1; width <= 44; ++width) {
    const Net net({{width % 10 + 1, width, width + width % 7, 1}, Unit::tanh}, width % 4);
    expect_agreement({net, 3}, 5);
  }
}

TEST_F(CudaChain, WeightsThatDoNotFitPassThrough) {
  for (const Widths& widths : std::vector<Widths>{{2, 256, 256, 1}, {3, 255, 254, 1}, {200, 100, 256, 255, 1}})
    for (const int64_t offset : {0, 1}) {
      const Net net({widths}, offset);
      expect_agreement({net, 2}, Counts().some);
    }
}

TEST_F(CudaChain, ManyLayers) {
  Widths widths(90, 11);
  widths.back() = 1;
  const Net deep({widths, Unit::tanh});
  expect_agreement({deep, 3}, 9);
  const Net wide({{2, 200, 190, 180, 170, 160, 150, 1}, Unit::leaky_relu});
  expect_agreement({wide, 2}, 6);
}

TEST_F(CudaChain, SaysWhatDoesNotFit) {
  const std::vector<DenseLayer> layers(200, {256, 256, nullptr, nullptr, Unit::silu, 0});
  const uint32_t step = 0;
  const auto launch = [&](int count) {
    dense_chain_(cuda_stream(), {count, layers.data()}, plain, {1, 2, &step}, 1, 1, nullptr, nullptr, nullptr);
  };
  EXPECT_THROW(launch(97), kernels::cuda::Error) << "parameters";
  EXPECT_THROW(launch(96), kernels::cuda::Error) << "shared memory";
}

TEST_F(CudaChain, BiasesMayBeAbsent) {
  const Net net({{2, 20, 20, 1}, Unit::silu, false});
  expect_agreement({net}, 20);
}

TEST_F(CudaChain, ReluIsLeakyReluWithoutSlope) {
  const Net net({{2, 20, 20, 1}, Unit::leaky_relu, true, 0});
  expect_agreement({net}, 20);
}

TEST_F(CudaChain, ClipsAndClamps) {
  const Net net({{2, 20, 20, 1}});
  ChainRun run{net};
  run.update = {real(0.1), real(0.05), real(-0.5), real(0.25), real(0.02)};
  expect_agreement(run, 20);
}

TEST_F(CudaChain, WithoutNoiseDrawsNothing) {
  const Net net({{2, 20, 20, 1}});
  const std::vector<real> x = starts(net, 20);
  ChainRun run{net, 10};
  run.update.noise = 0;
  expect_agreement(run, 20);
  ChainRun other = run;
  other.seed = 1;
  EXPECT_TRUE(same_bits(run.on_device(x), other.on_device(x)));
  run.update.noise = other.update.noise = real(1e-3);
  EXPECT_FALSE(same_bits(run.on_device(x), other.on_device(x)));
}

/// On a flat energy a step of unit noise from 0 ends where the noise says, and two steps where the next does.
TEST_F(CudaChain, NoiseIsThatOfTheWholeDraw) {
  for (const int d : {1, 2, 3, 7, 100})
    for (const int64_t chains : {int64_t(1), int64_t(6), Counts().some, Counts().many})
      for (const int64_t first : {int64_t(0), int64_t(5), (int64_t(1) << 34) - 18}) {
        SCOPED_TRACE("d " + std::to_string(d) + ", chains " + std::to_string(chains));
        Net net({{d, 3, 1}, Unit::identity, false});
        for (auto& array : net.arrays) array = nullptr;
        const DeviceReals zeros(std::vector<real>(size_t(3 * d), 0));
        for (DenseLayer& layer : net.on_device) layer.weight = zeros.data();
        ChainRun run{net, 1};
        run.update = {0, 1, -infinity, infinity, infinity};
        run.first = first;
        const auto ends = [&](int steps) {
          run.steps = steps;
          std::vector<real> x = run.on_device(std::vector<real>(size_t(chains * d), real(0)));
          x.resize(size_t(chains * d));
          return x;
        };
        const auto drawn = [&](uint32_t after) {
          const DeviceArray<uint32_t> step(std::vector<uint32_t>{run.step + after});
          DeviceReals z(chains * d);
          normal(cuda_stream(), {run.seed, 9, step.data(), first}, chains * d, z.data());
          return z.to_host();
        };
        std::vector<real> sum = drawn(0);
        EXPECT_TRUE(same_bits(ends(1), sum));
        const std::vector<real> second = drawn(1);
        for (size_t i = 0; i < sum.size(); ++i) sum[i] += second[i];
        EXPECT_TRUE(same_bits(ends(2), sum));
      }
}

/// Chains [first, first + count) of a batch by themselves.
std::vector<real> part_of(ChainRun run, const std::vector<real>& x, int64_t first, int64_t count) {
  const int64_t d = run.net.dimensions();
  run.first += first * d;
  return run.on_device({x.begin() + first * d, x.begin() + (first + count) * d});
}

TEST_F(CudaChain, BitsDoNotDependOnTheBatch) {
  const Counts counts;
  for (const Widths& widths : std::vector<Widths>{{2, 128, 128, 1}, {7, 17, 1}, {3, 1}, {5, 40, 70, 9, 1}})
    for (const Unit unit : {Unit::silu, Unit::tanh}) {
      const Net net({widths, unit});
      SCOPED_TRACE(net.name());
      const int64_t chains = counts.many, d = net.dimensions();
      ChainRun run{net, 3};
      run.first = 3;
      const std::vector<real> x = starts(net, chains), whole = run.on_device(x);
      int64_t first = 0;
      for (const int64_t count : {int64_t(1), int64_t(2), int64_t(7), counts.few, counts.some, int64_t(20)}) {
        const std::vector<real> part = part_of(run, x, first, count);
        for (int64_t i = 0; i < count * d; ++i) ASSERT_EQ(part[size_t(i)], whole[size_t(first * d + i)]);
        for (int64_t k = 0; k < run.steps; ++k)
          for (int64_t b = 0; b < count; ++b)
            ASSERT_EQ(part[size_t(count * d + k * count + b)], whole[size_t(chains * d + k * chains + first + b)])
                << "energy of chain " << b << " of " << count << " at step " << k;
        first += count;
      }
      ASSERT_LE(first, chains);
    }
}

TEST_F(CudaChain, BitsDoNotDependOnTheOrderOfThreads) {
  const auto expect_same_bits = [](const Widths& widths, int64_t chains) {
    SCOPED_TRACE("chains " + std::to_string(chains));
    const Net net({widths, Unit::softplus});
    const std::vector<real> x = starts(net, chains);
    same_in_every_order([&] { return ChainRun{net, 2}.on_device(x); });
  };
  for (const int64_t chains : {Counts().few, Counts().some, Counts().many}) expect_same_bits({2, 33, 66, 1}, chains);
  expect_same_bits({6, 256, 250, 3, 1}, Counts().few);
}

TEST_F(CudaChain, TwoLaunchesContinueOne) {
  const Net net({{2, 30, 30, 1}});
  for (const int64_t chains : {1, 7, 40}) {
    const std::vector<real> x = starts(net, chains), whole = ChainRun{net, 10}.on_device(x);
    ChainRun half{net, 5};
    std::vector<real> y = half.on_device(x);
    y.resize(x.size());
    half.step += 5;
    y = half.on_device(y);
    EXPECT_TRUE(std::equal(y.begin(), y.begin() + int64_t(x.size()), whole.begin()));
  }
}

TEST_F(CudaChain, NoStepsAndNoChains) {
  const Net net({{2, 3, 1}});
  EXPECT_EQ((ChainRun{net, 0}.on_device(starts(net, 3))), starts(net, 3));
  EXPECT_TRUE((ChainRun{net, 3}.on_device({}).empty()));
}

TEST_F(CudaChain, NanStaysInItsChain) {
  for (const int64_t chains : {int64_t(2), Counts().some, Counts().many}) {
    const Net net({{2, 20, 20, 1}});
    ChainRun run{net, 5};
    run.update = {real(0.02), real(0.2), -3, 3, 1};
    const std::vector<real> x = starts(net, chains), healthy = run.on_device(x);
    std::vector<real> spoilt = x;
    spoilt[2] = nan;  // the first of chain 1
    const std::vector<real> y = run.on_device(spoilt);
    EXPECT_TRUE(std::isnan(y[2]));
    for (size_t i = 0; i < y.size(); ++i) {
      const int64_t chain = int64_t(i) < 2 * chains ? int64_t(i) / 2 : (int64_t(i) - 2 * chains) % chains;
      if (chain != 1) { ASSERT_EQ(y[i], healthy[i]) << i; }
      if (chain == 1 && int64_t(i) >= 2 * chains) { ASSERT_TRUE(std::isnan(y[i])) << i; }
    }
  }
}

/// A chain that was at infinity and comes back is sound again: nothing of what it left behind is used.
TEST_F(CudaChain, InfinityIsLeftBehind) {
  const Net net({{2, 21, 13, 1}, Unit::leaky_relu});
  ChainRun run{net, 3};
  run.update = {real(0.02), real(0.2), -3, 3, 1};
  const std::vector<real> x = {infinity, 1, -1, real(0.5)};
  const std::vector<real> y = run.on_device(x);
  EXPECT_FALSE(std::isfinite(y[4])) << "the first energy";
  for (size_t i : {0, 1, 2, 3, 6, 7, 8, 9}) EXPECT_TRUE(std::isfinite(y[i])) << i;
}

}  // namespace
}  // namespace erg::test
