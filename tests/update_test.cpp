// The in-place updates against plain loops in double, on arenas of several gradients, and the Langevin step against its
// formula with the noise that `normal` draws from the same key. Everything runs at each instruction set.
#include "kernels/update.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/cpu/isa.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace erg::kernels {
namespace {

constexpr real infinity = std::numeric_limits<real>::infinity();
constexpr real nan = std::numeric_limits<real>::quiet_NaN();

/// n numbers of N(0, 1), another set for each stream.
std::vector<real> normals(int64_t n, uint32_t stream) {
  const uint32_t step = 0;
  std::vector<real> y(n);
  normal(Stream{}, NoiseKey{2024, stream, &step}, n, y.data());
  return y;
}

/// Gradients of the given sizes, which cover an arena of their total.
struct Arena {
  std::vector<std::vector<real>> tensors;
  std::vector<real> g;  // the tensors one after the other

  explicit Arena(const std::vector<int64_t>& sizes) {
    for (int64_t size : sizes) {
      tensors.push_back(normals(size, uint32_t(100 + tensors.size())));
      g.insert(g.end(), tensors.back().begin(), tensors.back().end());
    }
  }
  int64_t size() const { return int64_t(g.size()); }
  Gradients table() const {
    Gradients t;
    int64_t at = 0;
    for (const std::vector<real>& tensor : tensors) {
      t.add(tensor.data(), at, int64_t(tensor.size()));
      at += int64_t(tensor.size());
    }
    return t;
  }
};

std::vector<int64_t> sixty_four_sizes() {
  std::vector<int64_t> sizes;
  for (int64_t i = 0; i < Gradients::max_count; ++i) sizes.push_back(1 + i * 37 % 101);
  return sizes;
}

/// Arenas from a single number to several chunks of work, with empty gradients among them.
const std::vector<std::vector<int64_t>> arenas = {{1}, {7, 1, 33}, {0, 5, 0}, {100001, 3, 16385}, sixty_four_sizes()};

class Updates : public testing::TestWithParam<cpu::Isa> {
 protected:
  void SetUp() override { cpu::set_isa(GetParam()); }
  void TearDown() override { cpu::set_isa(cpu::available_isas().back()); }
};

void expect_near(const std::vector<real>& actual, const std::vector<double>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], 2e-6 * std::max(1.0, std::fabs(expected[i]))) << "element " << i;
}

std::vector<double> widened(const std::vector<real>& x) { return {x.begin(), x.end()}; }

TEST_P(Updates, AdamFollowsItsFormula) {
  const double rate = 0.01, beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8;
  for (const auto& sizes : arenas) {
    const Arena arena(sizes);
    std::vector<real> p = normals(arena.size(), 1), m(arena.size()), v(arena.size());
    std::vector<double> p_exact = widened(p), m_exact(arena.size()), v_exact(arena.size());
    for (int t = 1; t <= 3; ++t) {
      const double correction1 = 1 - std::pow(beta1, t), correction2 = 1 - std::pow(beta2, t);
      adam_(Stream{}, {real(rate), real(beta1), real(beta2), real(epsilon), real(correction1), real(correction2)},
            arena.table(), m.data(), v.data(), p.data());
      for (int64_t i = 0; i < arena.size(); ++i) {
        const double g = arena.g[i];
        m_exact[i] = beta1 * m_exact[i] + (1 - beta1) * g;
        v_exact[i] = beta2 * v_exact[i] + (1 - beta2) * g * g;
        p_exact[i] -= rate * (m_exact[i] / correction1) / (std::sqrt(v_exact[i] / correction2) + epsilon);
      }
    }
    expect_near(m, m_exact);
    expect_near(v, v_exact);
    expect_near(p, p_exact);
  }
}

TEST_P(Updates, AdamsFirstStepIsTheSignOfTheGradient) {
  const Arena arena({1000});
  std::vector<real> p(1000), m(1000), v(1000);
  adam_(Stream{}, {0.5f, 0.9f, 0.999f, 1e-8f, 0.1f, 0.001f}, arena.table(), m.data(), v.data(), p.data());
  for (int i = 0; i < 1000; ++i) EXPECT_NEAR(p[i], std::copysign(0.5, -arena.g[i]), 1e-4) << arena.g[i];
}

TEST_P(Updates, SgdFollowsItsFormula) {
  const double rate = 0.1, momentum = 0.9;
  for (const auto& sizes : arenas) {
    const Arena arena(sizes);
    std::vector<real> p = normals(arena.size(), 1), velocity(arena.size());
    std::vector<double> p_exact = widened(p), velocity_exact(arena.size());
    for (int t = 0; t < 3; ++t) {
      sgd_(Stream{}, real(rate), real(momentum), arena.table(), velocity.data(), p.data());
      for (int64_t i = 0; i < arena.size(); ++i) {
        velocity_exact[i] = momentum * velocity_exact[i] + arena.g[i];
        p_exact[i] -= rate * velocity_exact[i];
      }
    }
    expect_near(velocity, velocity_exact);
    expect_near(p, p_exact);
  }
}

TEST_P(Updates, RmspropFollowsItsFormula) {
  const double rate = 0.01, decay = 0.9, epsilon = 1e-6;
  for (const auto& sizes : arenas) {
    const Arena arena(sizes);
    std::vector<real> p = normals(arena.size(), 1), v(arena.size());
    std::vector<double> p_exact = widened(p), v_exact(arena.size());
    for (int t = 0; t < 3; ++t) {
      rmsprop_(Stream{}, real(rate), real(decay), real(epsilon), arena.table(), v.data(), p.data());
      for (int64_t i = 0; i < arena.size(); ++i) {
        const double g = arena.g[i];
        v_exact[i] = decay * v_exact[i] + (1 - decay) * g * g;
        p_exact[i] -= rate * g / (std::sqrt(v_exact[i]) + epsilon);
      }
    }
    expect_near(v, v_exact);
    expect_near(p, p_exact);
  }
}

TEST_P(Updates, ClampAndAverage) {
  for (int64_t n : {1, 63, 40000}) {
    const std::vector<real> p = normals(n, 1);
    std::vector<real> clamped = p, average = normals(n, 2);
    std::vector<double> clamped_exact, average_exact;
    for (int64_t i = 0; i < n; ++i) {
      clamped_exact.push_back(std::clamp<double>(p[i], -0.25, 0.5));
      average_exact.push_back(average[i] + 0.25 * (double(p[i]) - average[i]));
    }
    clamp_(Stream{}, n, -0.25f, 0.5f, clamped.data());
    average_(Stream{}, n, 0.75f, p.data(), average.data());
    expect_near(clamped, clamped_exact);
    expect_near(average, average_exact);
  }
}

struct LangevinRun {
  LangevinUpdate update{0.3f, 0.7f, -infinity, infinity, infinity};
  uint64_t seed = 5;
  uint32_t step = 3;

  NoiseKey key() const { return {seed, 9, &step}; }
  std::vector<real> operator()(const std::vector<real>& g, std::vector<real> x) const {
    langevin_(Stream{}, update, key(), int64_t(x.size()), g.data(), x.data());
    return x;
  }
  std::vector<double> exact(const std::vector<real>& g, const std::vector<real>& x) const {
    std::vector<real> xi(x.size());
    normal(Stream{}, key(), int64_t(x.size()), xi.data());
    std::vector<double> y;
    for (size_t i = 0; i < x.size(); ++i) {
      const double clipped = std::clamp<double>(g[i], -update.grad_clip, update.grad_clip);
      y.push_back(std::clamp<double>(x[i] - update.drift * clipped + update.noise * xi[i], update.low, update.high));
    }
    return y;
  }
};

const LangevinUpdate langevin_updates[] = {
    {0.3f, 0.7f, -infinity, infinity, infinity}, {0.3f, 0.7f, -1, 1, infinity},
    {0.3f, 0.7f, -infinity, infinity, 0.5f},     {10, 0.005f, 0, 1, 0.01f},
    {0, 1, -infinity, infinity, infinity},       {0.3f, 0, -1, 1, 0.5f},
};

TEST_P(Updates, LangevinFollowsItsFormula) {
  for (const LangevinUpdate& update : langevin_updates)
    for (int64_t n : {1, 255, 256, 257, 8192, 20001}) {
      const std::vector<real> g = normals(n, 1), x = normals(n, 2);
      const LangevinRun run{update};
      expect_near(run(g, x), run.exact(g, x));
    }
}

TEST_P(Updates, LangevinOnFewerElementsIsAPrefix) {
  const LangevinRun run;
  const std::vector<real> g = normals(9000, 1), x = normals(9000, 2), whole = run(g, x);
  std::vector<int64_t> sizes = {8191, 8192, 8193};
  for (int64_t n = 1; n <= 300; ++n) sizes.push_back(n);
  for (int64_t n : sizes) {
    const std::vector<real> part = run({g.begin(), g.begin() + n}, {x.begin(), x.begin() + n});
    ASSERT_EQ(part, std::vector<real>(whole.begin(), whole.begin() + n)) << n;
  }
}

TEST_P(Updates, LangevinWithoutNoiseDrawsNothing) {
  const std::vector<real> g = normals(1000, 1), x = normals(1000, 2);
  LangevinRun run{langevin_updates[5]}, other = run;
  other.seed = 6;
  EXPECT_EQ(run(g, x), other(g, x));
  run.update.noise = other.update.noise = real(1e-3);
  EXPECT_NE(run(g, x), other(g, x));
}

TEST_P(Updates, NanStaysVisible) {
  for (const LangevinUpdate& update : langevin_updates) {
    const LangevinRun run{update};
    for (int64_t where : {0, 100, 255, 256, 299}) {
      std::vector<real> g = normals(300, 1), x = normals(300, 2);
      x[where] = nan;
      EXPECT_TRUE(std::isnan(run(g, x)[where])) << where;
      std::swap(g, x);
      EXPECT_TRUE(std::isnan(run(g, x)[where])) << where;
    }
  }
  std::vector<real> p(100, nan);
  clamp_(Stream{}, 100, -1, 1, p.data());
  EXPECT_THAT(p, testing::Each(testing::IsNan()));
  const std::vector<real> g(100, nan);
  Gradients gradients;
  gradients.add(g.data(), 0, 100);
  std::vector<real> m(100), v(100), q(100);
  adam_(Stream{}, {0.1f, 0.9f, 0.999f, 1e-8f, 0.1f, 0.001f}, gradients, m.data(), v.data(), q.data());
  EXPECT_THAT(q, testing::Each(testing::IsNan()));
}

TEST_P(Updates, DoNotDependOnTheNumberOfThreads) {
#ifdef _OPENMP
  const int threads = omp_get_max_threads();
  const Arena arena({70001, 5, 40000});
  const auto everything = [&](int with_threads) {
    omp_set_num_threads(with_threads);
    std::vector<real> p = normals(arena.size(), 1), m(arena.size()), v(arena.size());
    adam_(Stream{}, {0.1f, 0.9f, 0.999f, 1e-8f, 0.1f, 0.001f}, arena.table(), m.data(), v.data(), p.data());
    return LangevinRun{}(arena.g, p);
  };
  EXPECT_EQ(everything(1), everything(2));
  omp_set_num_threads(threads);
#else
  GTEST_SKIP() << "built without OpenMP";
#endif
}

INSTANTIATE_TEST_SUITE_P(EveryLevel, Updates, testing::ValuesIn(cpu::available_isas()),
                         [](const auto& test) { return std::string(cpu::name(test.param)); });

}  // namespace
}  // namespace erg::kernels
