// The in-place updates on the device against those on the CPU: arenas whose tensors begin anywhere, arrays off their
// alignment, launches that begin within a block of the draw, and NaN.
#include <memory>

#include "cuda_runs.h"
#include "kernels/update.h"

namespace erg::test {
namespace {

using namespace kernels;

constexpr real infinity = std::numeric_limits<real>::infinity(), nan = std::numeric_limits<real>::quiet_NaN();
constexpr double tolerance = 1e-5;

class CudaUpdate : public testing::Test {
 protected:
  void SetUp() override { ERG_NEEDS_CUDA(); }
};

/// Gradients of the given sizes on both devices, from element `begin` of the arena on, each at a multiple of
/// `alignment` elements from there. Tensor i lies i % 4 elements off its memory's alignment.
struct TwoArenas {
  std::vector<std::vector<real>> host;
  std::vector<std::unique_ptr<DeviceReals>> device;
  Gradients on_host, on_device;

  TwoArenas(const std::vector<int64_t>& sizes, int64_t begin, int64_t alignment) : size(begin) {
    for (const int64_t n : sizes) {
      const int i = on_host.count;
      host.push_back(random_reals(n, unsigned(i)));
      device.push_back(std::make_unique<DeviceReals>(host.back(), i % 4));
      on_host.add(host.back().data(), size, n);
      on_device.add(device.back()->data(), size, n);
      size += (n + alignment - 1) / alignment * alignment;
    }
  }
  /// Whether a gradient covers an element of the arena.
  bool covers(int64_t element) const {
    for (int i = 0; i < on_host.count; ++i)
      if (on_host.begin[i] <= element && element < on_host.end[i]) return true;
    return false;
  }
  int64_t size;
};

std::vector<int64_t> sixty_four_sizes() {
  std::vector<int64_t> sizes;
  for (int64_t i = 0; i < Gradients::max_count; ++i) sizes.push_back(i * 37 % 101);
  return sizes;
}

/// Runs an optimiser on both devices: run(stream, gradients, arrays...) with `count` arrays of the arena.
template <int count, class Run>
void expect_same_updates(const Run& run) {
  const std::vector<std::vector<int64_t>> arenas = {
      {}, {1}, {4, 8}, {7, 1, 0, 0, 33}, {0, 5, 0}, {20001, 3, 1027}, sixty_four_sizes()};
  for (const auto& sizes : arenas)
    for (const auto& [begin, alignment] : {std::pair{0, 1}, {6, 1}, {0, 16}, {6, 4}})
      for (const int64_t offset : {0, 3}) {
        SCOPED_TRACE(std::to_string(sizes.size()) + " tensors from " + std::to_string(begin) + ", aligned to " +
                     std::to_string(alignment) + ", offset " + std::to_string(offset));
        const TwoArenas arenas(sizes, begin, alignment);
        std::vector<std::vector<real>> expected;
        std::vector<std::unique_ptr<DeviceReals>> actual;
        for (int a = 0; a < count; ++a) {
          expected.push_back(random_reals(arenas.size, unsigned(1000 + a), 0, 1));
          actual.push_back(std::make_unique<DeviceReals>(expected.back(), offset));
        }
        for (int repeat = 0; repeat < 2; ++repeat) {
          run(cpu_stream, arenas.on_host, [&](int a) { return expected[size_t(a)].data(); });
          run(cuda_stream(), arenas.on_device, [&](int a) { return actual[size_t(a)]->data(); });
        }
        for (int a = 0; a < count; ++a) {
          std::vector<real> got = actual[size_t(a)]->to_host();
          for (int64_t i = 0; i < arenas.size; ++i)
            if (i >= begin && !arenas.covers(i)) got[size_t(i)] = expected[size_t(a)][size_t(i)];  // of no account
          EXPECT_TRUE(near_each(got, expected[size_t(a)], tolerance)) << "array " << a;
        }
      }
}

TEST_F(CudaUpdate, Adam) {
  const AdamStep s{real(0.01), real(0.9), real(0.99), real(1e-8), real(0.19), real(0.02)};
  expect_same_updates<3>([&](const Stream& stream, const Gradients& gradients, auto array) {
    adam_(stream, s, gradients, array(0), array(1), array(2));
  });
}

TEST_F(CudaUpdate, Sgd) {
  expect_same_updates<2>([](const Stream& stream, const Gradients& gradients, auto array) {
    sgd_(stream, real(0.1), real(0.9), gradients, array(0), array(1));
  });
}

TEST_F(CudaUpdate, Rmsprop) {
  expect_same_updates<2>([](const Stream& stream, const Gradients& gradients, auto array) {
    rmsprop_(stream, real(0.01), real(0.9), real(1e-6), gradients, array(0), array(1));
  });
}

const std::vector<int64_t> lengths = {0, 1, 3, 4, 5, 1023, 40001};

TEST_F(CudaUpdate, ClampAndAverage) {
  for (const int64_t n : lengths)
    for (const int64_t offset : {0, 1}) {
      SCOPED_TRACE("n " + std::to_string(n) + ", offset " + std::to_string(offset));
      std::vector<real> p = random_reals(n, 1), average = random_reals(n, 2);
      if (n > 4) p[4] = nan, p[2] = infinity;
      DeviceReals p_device(p, offset), average_device(average);
      average_(cpu_stream, n, real(0.75), p.data(), average.data());
      average_(cuda_stream(), n, real(0.75), p_device.data(), average_device.data());
      EXPECT_TRUE(near_each(average_device.to_host(), average, tolerance));
      clamp_(cpu_stream, n, real(-0.25), real(0.5), p.data());
      clamp_(cuda_stream(), n, real(-0.25), real(0.5), p_device.data());
      EXPECT_TRUE(near_each(p_device.to_host(), p, 0));
    }
}

/// What langevin_ makes of x on each device.
struct LangevinRun {
  LangevinUpdate update{real(0.3), real(0.7), -infinity, infinity, infinity};
  uint32_t step = 0xFFFFFFFEu;
  uint64_t seed = 5;
  int64_t first = 0, offset = 0;

  std::vector<real> on_cpu(const std::vector<real>& g, std::vector<real> x) const {
    langevin_(cpu_stream, update, {seed, 9, &step, first}, int64_t(x.size()), g.data(), x.data());
    return x;
  }
  std::vector<real> on_device(const std::vector<real>& g, const std::vector<real>& x) const {
    const DeviceArray<uint32_t> step_word(std::vector<uint32_t>{step});
    const DeviceReals g_device(g, offset);
    DeviceReals x_device(x, offset);
    langevin_(cuda_stream(), update, {seed, 9, step_word.data(), first}, x_device.size(), g_device.data(),
              x_device.data());
    return x_device.to_host();
  }
};

const LangevinUpdate langevin_updates[] = {
    {real(0.3), real(0.7), -infinity, infinity, infinity},
    {real(0.3), real(0.7), -1, 1, infinity},
    {10, real(0.005), 0, 1, real(0.01)},
    {real(0.3), 0, -1, 1, real(0.5)},
};

TEST_F(CudaUpdate, LangevinIsTheStepOfTheCpu) {
  for (const LangevinUpdate& update : langevin_updates)
    for (const int64_t n : lengths)
      for (const int64_t first : {int64_t(0), int64_t(3), (int64_t(1) << 34) - 5})
        for (const int64_t offset : {0, 3}) {
          SCOPED_TRACE("n " + std::to_string(n) + ", first " + std::to_string(first) + ", offset " +
                       std::to_string(offset));
          std::vector<real> g = random_reals(n, 1), x = random_reals(n, 2);
          if (n > 4) g[3] = nan, x[4] = nan, g[2] = infinity;
          const LangevinRun run{.update = update, .first = first, .offset = offset};
          EXPECT_TRUE(near_each(run.on_device(g, x), run.on_cpu(g, x), tolerance));
        }
}

TEST_F(CudaUpdate, PartsOfALangevinStepAreTheWhole) {
  const std::vector<real> g = random_reals(5000, 1), x = random_reals(5000, 2);
  const std::vector<real> whole = LangevinRun{.first = 2}.on_device(g, x);
  std::vector<real> parts;
  for (const int64_t size : {1, 2, 6, 991, 4000}) {
    const int64_t begin = int64_t(parts.size()), end = begin + size;
    const std::vector<real> part = LangevinRun{.first = 2 + begin}.on_device({g.begin() + begin, g.begin() + end},
                                                                             {x.begin() + begin, x.begin() + end});
    parts.insert(parts.end(), part.begin(), part.end());
  }
  EXPECT_TRUE(same_bits(parts, whole));
}

TEST_F(CudaUpdate, LangevinWithoutNoiseDrawsNothing) {
  const std::vector<real> g = random_reals(100, 1), x = random_reals(100, 2);
  LangevinRun run{langevin_updates[3]}, other{.update = langevin_updates[3], .seed = 6};
  EXPECT_TRUE(same_bits(run.on_device(g, x), other.on_device(g, x)));
  run.update.noise = other.update.noise = real(1e-3);
  EXPECT_FALSE(same_bits(run.on_device(g, x), other.on_device(g, x)));
}

}  // namespace
}  // namespace erg::test
