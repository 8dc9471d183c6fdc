// Random numbers: Philox against Random123's known answers, the law of the draws, and their independence of everything
// but (seed, stream, step, element). The statistical limits are several standard errors, said where they stand; seeds
// are fixed, so a test that passes once passes always.
#include "kernels/philox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/cpu/isa.h"
#include "kernels/random.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace erg::kernels {
namespace {

using Words = std::array<uint32_t, 4>;

template <int rounds = 10>
Words philox4x32(const Words& counter, uint64_t key) {
  const philox::Block block = philox::generate<rounds>({{counter[0], counter[1], counter[2], counter[3]}}, key);
  return {block.word[0], block.word[1], block.word[2], block.word[3]};
}

TEST(Philox, KnownAnswer) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, 0), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
}

TEST(Philox, DrawCountsBlocksIn64Bits) {
  const philox::Block block = philox::draw((uint64_t(3) << 32) + 5, 8, 9, 77);
  EXPECT_THAT(block.word, testing::ElementsAreArray(philox4x32({5, 3, 8, 9}, 77)));
}

TEST(Philox, Random123Vectors) {
  const char* data = std::getenv("ERG_DATA");
  std::ifstream file(std::string(data ? data : "data") + "/random123/kat_vectors");
  if (!file) GTEST_SKIP() << "no random123/kat_vectors under $ERG_DATA";
  int checked = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream in(line);
    std::string generator;
    int rounds = 0;
    if (!(in >> generator) || generator != "philox4x32") continue;
    in >> rounds >> std::hex;
    Words counter, expected;
    uint64_t key0 = 0, key1 = 0;
    for (uint32_t& word : counter) in >> word;
    in >> key0 >> key1;
    for (uint32_t& word : expected) in >> word;
    ASSERT_TRUE(in) << line;
    ASSERT_TRUE(rounds == 7 || rounds == 10) << line;
    const uint64_t key = key1 << 32 | key0;
    EXPECT_EQ(rounds == 7 ? philox4x32<7>(counter, key) : philox4x32<10>(counter, key), expected) << line;
    ++checked;
  }
  EXPECT_EQ(checked, 6);
}

/// A key whose step lives here.
struct Noise {
  uint64_t seed = 42;
  uint32_t stream = 0, step = 0;

  NoiseKey key() const { return {seed, stream, &step}; }
  std::vector<real> normals(int64_t n) const {
    std::vector<real> y(n);
    normal(Stream{}, key(), n, y.data());
    return y;
  }
  std::vector<real> uniforms(int64_t n, real low, real high) const {
    std::vector<real> y(n);
    uniform(Stream{}, key(), n, low, high, y.data());
    return y;
  }
};

class Levels : public testing::Test {
 protected:
  void TearDown() override { cpu::set_isa(cpu::available_isas().back()); }
};
using Normals = Levels;
using Uniforms = Levels;

TEST_F(Normals, AreBoxMullerOfTheWordsOfTheContract) {
  const Noise noise{0x123456789abcdef0, 7, 11};
  for (cpu::Isa level : cpu::available_isas()) {
    cpu::set_isa(level);
    const std::vector<real> z = noise.normals(1001);
    for (int64_t e = 0; e < 1001; ++e) {
      const Words word = philox4x32({uint32_t(e / 4), 0, noise.step, noise.stream}, noise.seed);
      const int pair = e % 4 / 2 * 2;
      const double radius = std::sqrt(-2 * std::log((word[pair] + 0.5) / 0x1p32));
      const double angle = M_PI * int32_t(word[pair + 1]) / 0x1p31;
      const double exact = radius * (e % 2 == 0 ? std::cos(angle) : std::sin(angle));
      ASSERT_NEAR(z[e], exact, 1e-5) << "element " << e << ", " << cpu::name(level);
    }
  }
}

/// Standard errors of the moments of n normals: sqrt of 1/n, 2/n, 6/n, 24/n.
TEST(NormalLaw, Moments) {
  const int64_t n = 1 << 22;
  const std::vector<real> z = Noise{}.normals(n);
  double sums[5] = {};
  for (double value : z) {
    double power = 1;
    for (double& sum : sums) sum += power, power *= value;
  }
  const double mean = sums[1] / n, second = sums[2] / n, third = sums[3] / n, fourth = sums[4] / n;
  const double variance = second - mean * mean;
  const double skewness = third - 3 * mean * second + 2 * mean * mean * mean;
  EXPECT_NEAR(mean, 0, 4 * std::sqrt(1.0 / n));
  EXPECT_NEAR(variance, 1, 4 * std::sqrt(2.0 / n));
  EXPECT_NEAR(skewness, 0, 4 * std::sqrt(6.0 / n));
  EXPECT_NEAR(fourth / (variance * variance), 3, 4 * std::sqrt(24.0 / n));
}

/// Kolmogorov & Smirnov: sqrt(n) * (largest distance to the law) exceeds 1.95 once in a thousand.
TEST(NormalLaw, KolmogorovSmirnov) {
  const int64_t n = 1 << 20;
  std::vector<real> z = Noise{7}.normals(n);
  std::sort(z.begin(), z.end());
  double distance = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double law = 0.5 * std::erfc(-z[i] / std::sqrt(2.0));
    distance = std::max({distance, law - double(i) / n, double(i + 1) / n - law});
  }
  EXPECT_LT(std::sqrt(double(n)) * distance, 1.95);
}

/// Of n pairs of independent normals the mean product has standard error sqrt(1/n).
TEST(NormalLaw, NeighboursAreUncorrelated) {
  const int64_t n = 1 << 20;
  const std::vector<real> z = Noise{3}.normals(n + 4);
  std::vector<real> squares;  // brought to mean 0 and variance 1
  for (real value : z) squares.push_back((value * value - 1) / real(std::sqrt(2.0)));
  for (int lag = 1; lag <= 4; ++lag) {
    double plain = 0, squared = 0;
    for (int64_t i = 0; i < n; ++i)
      plain += double(z[i]) * z[i + lag], squared += double(squares[i]) * squares[i + lag];
    EXPECT_NEAR(plain / n, 0, 4 / std::sqrt(double(n))) << "lag " << lag;
    EXPECT_NEAR(squared / n, 0, 4 / std::sqrt(double(n))) << "lag " << lag;
  }
}

/// The extremes of the radius: word 0 gives the farthest tail, the largest word gives 0 and not NaN.
TEST(BoxMuller, Extremes) {
  const auto far = philox::box_muller<float>(0, 0);
  EXPECT_NEAR(far.first, std::sqrt(-2 * std::log(0x1p-33)), 1e-5);
  EXPECT_EQ(far.second, 0.f);
  for (uint32_t top = 0xFFFFFFFFu; top > 0xFFFFFF00u; --top) {
    const auto near = philox::box_muller<float>(top, 0);
    ASSERT_GE(near.first, 0.f) << top;
    ASSERT_NEAR(near.first, std::sqrt(-2 * std::log((top + 0.5) * 0x1p-32)), 1e-3) << top;
  }
}

/// Angles at and beside the multiples of pi/4, where the quadrant changes or a coordinate is 0.
TEST(BoxMuller, AnglesAtTheQuadrantsEdges) {
  for (uint64_t eighth = 0; eighth < 8; ++eighth)
    for (int beside : {-1, 0, 1}) {
      const uint32_t word = uint32_t(eighth << 29) + uint32_t(beside);
      const auto f = math::sincos_of_word<float>(word);
      const double angle = M_PI * int32_t(word) / 0x1p31;
      EXPECT_NEAR(f.sin, std::sin(angle), 1.2e-7) << word;
      EXPECT_NEAR(f.cos, std::cos(angle), 1.2e-7) << word;
    }
}

/// Rounding u moves it by up to 2^-25, and hence the radius r by up to 2^-25 / r where u is near 1.
TEST(BoxMuller, FloatFollowsDouble) {
  rc::check([](uint32_t radius_word, uint32_t angle_word) {
    const auto f = philox::box_muller<float>(radius_word, angle_word);
    const auto d = philox::box_muller<double>(radius_word, angle_word);
    const double tolerance = 3e-6 + 0x1p-24 / std::hypot(d.first, d.second);
    RC_ASSERT(std::fabs(f.first - d.first) < tolerance);
    RC_ASSERT(std::fabs(f.second - d.second) < tolerance);
  });
}

TEST_F(Normals, AShorterDrawIsAPrefix) {
  const Noise noise;
  for (cpu::Isa level : cpu::available_isas()) {
    cpu::set_isa(level);
    const std::vector<real> normals = noise.normals(20000), uniforms = noise.uniforms(20000, -1, 1);
    std::vector<int64_t> sizes = {0, 511, 512, 513, 8191, 8192, 8193, 19999};
    for (int64_t n = 1; n <= 300; ++n) sizes.push_back(n);
    for (int64_t n : sizes) {
      ASSERT_EQ(noise.normals(n), std::vector<real>(normals.begin(), normals.begin() + n)) << n;
      ASSERT_EQ(noise.uniforms(n, -1, 1), std::vector<real>(uniforms.begin(), uniforms.begin() + n)) << n;
    }
  }
}

TEST(Noise, DoesNotWritePastTheEnd) {
  for (int64_t n : {1, 255, 256, 257, 1000}) {
    std::vector<real> y(n + 8, real(77));
    const Noise noise;
    normal(Stream{}, noise.key(), n, y.data());
    EXPECT_THAT(std::vector<real>(y.begin() + n, y.end()), testing::Each(real(77)));
    uniform(Stream{}, noise.key(), n, 0, 1, y.data());
    EXPECT_THAT(std::vector<real>(y.begin() + n, y.end()), testing::Each(real(77)));
  }
}

TEST(Noise, DoesNotDependOnTheNumberOfThreads) {
#ifdef _OPENMP
  const Noise noise;
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
  const std::vector<real> normals = noise.normals(100003), uniforms = noise.uniforms(100003, 0, 1);
  omp_set_num_threads(2);
  EXPECT_EQ(noise.normals(100003), normals);
  EXPECT_EQ(noise.uniforms(100003, 0, 1), uniforms);
  omp_set_num_threads(threads);
#else
  GTEST_SKIP() << "built without OpenMP";
#endif
}

TEST_F(Normals, AgreeAcrossInstructionSets) {
  const Noise noise{9, 1, 5};
  cpu::set_isa(cpu::Isa::baseline);
  const std::vector<real> normals = noise.normals(100000), words = noise.uniforms(100000, 0, 1);
  for (cpu::Isa level : cpu::available_isas()) {
    cpu::set_isa(level);
    EXPECT_EQ(noise.uniforms(100000, 0, 1), words) << cpu::name(level);  // the upper 24 bits of the words themselves
    EXPECT_THAT(noise.normals(100000), testing::Pointwise(testing::FloatNear(1e-5f), normals)) << cpu::name(level);
  }
}

TEST(Noise, SeedStreamAndStepEachGiveAnotherDraw) {
  const std::vector<real> draw = Noise{1, 2, 3}.normals(64);
  for (const Noise& other : {Noise{2, 2, 3}, Noise{1 + (uint64_t(1) << 32), 2, 3}, Noise{1, 3, 3}, Noise{1, 2, 4}}) {
    const std::vector<real> different = other.normals(64);
    for (int i = 0; i < 64; ++i) EXPECT_NE(draw[i], different[i]) << i;
  }
}

/// Variance (high - low)^2 / 12; the standard errors of mean and variance are sqrt(1/12 n) and sqrt(1/180 n) widths.
TEST_F(Uniforms, FillTheirInterval) {
  const int64_t n = 1 << 20;
  const real low = -2, high = 3;
  const std::vector<real> u = Noise{}.uniforms(n, low, high);
  double sum = 0, squares = 0;
  for (real value : u) {
    ASSERT_GE(value, low);
    ASSERT_LT(value, high);
    sum += value;
    squares += (value - 0.5) * (value - 0.5);
  }
  EXPECT_NEAR(sum / n, 0.5, 4 * 5 * std::sqrt(1.0 / 12 / n));
  EXPECT_NEAR(squares / n, 25.0 / 12, 4 * 25 * std::sqrt(1.0 / 180 / n));
  EXPECT_NEAR(*std::min_element(u.begin(), u.end()), low, 1e-4);
  EXPECT_NEAR(*std::max_element(u.begin(), u.end()), high, 1e-4);
}

TEST_F(Uniforms, NeverReachTheUpperEnd) {
  const float last = std::nextafter(2.f, 1.f);
  EXPECT_EQ(philox::uniform(0xFFFFFFFFu, 1.f, 2.f, last), last);  // 1 + (1 - 2^-24) rounds to 2
  const real next = std::nextafter(real(1000), real(1001));
  for (real value : Noise{}.uniforms(1000, 1000, next)) ASSERT_EQ(value, real(1000));
}

TEST(Advance, CountsAndWraps) {
  uint32_t step = 41;
  advance_(Stream{}, 1, &step);
  EXPECT_EQ(step, 42u);
  step = std::numeric_limits<uint32_t>::max();
  advance_(Stream{}, 1, &step);
  EXPECT_EQ(step, 0u);
}

TEST(Advance, GivesTheNextStepsDraw) {
  Noise noise{5, 0, 8};
  const std::vector<real> next = Noise{5, 0, 9}.normals(100);
  EXPECT_NE(noise.normals(100), next);
  advance_(Stream{}, 1, &noise.step);
  EXPECT_EQ(noise.normals(100), next);
}

}  // namespace
}  // namespace erg::kernels
