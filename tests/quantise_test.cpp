// Reals as bytes: the exact promise that a byte survives being read and quantised again, and the kernels against the
// functions of the contract.
#include "kernels/quantise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "kernel_runs.h"

namespace erg::test {
namespace {

using kernels::byte_of;
using kernels::ByteRange;
using kernels::point_of;

const ByteRange ranges[] = {{0, 1}, {-1, 1}, {real(-0.3), real(2.7)}, {1000, 1001}, {real(-1e-6), real(3e-6)}};

/// Every byte with 2^16 places in its bin, and those where rounding is likeliest to carry the point out of it.
TEST(Bytes, SurviveEveryPointOfTheirBin) {
  std::vector<real> places = {0, std::numeric_limits<real>::denorm_min(), std::numeric_limits<real>::epsilon(),
                              real(1 - 0x1p-24), std::nextafter(real(1), real(0))};
  for (int i = 0; i < 1 << 16; ++i) places.push_back(real(i) * real(0x1p-16));
  for (const ByteRange& range : ranges) {
    int64_t changed = 0, outside = 0;
    for (int byte = 0; byte < 256; ++byte)
      for (const real u : places) {
        const real x = point_of(range, uint8_t(byte), u);
        changed += byte_of(range, x) != byte;
        outside += !(x >= range.low && x < range.high);
      }
    EXPECT_EQ(changed, 0) << range.low << " to " << range.high;
    EXPECT_EQ(outside, 0) << range.low << " to " << range.high;
  }
}

/// All 2^24 numbers that `uniform` can draw, in the outermost bins and in those beside zero and the middle.
TEST(Bytes, SurviveEveryUniformNumberAtTheEnds) {
  for (const ByteRange& range : {ranges[0], ranges[1], ranges[2]})
    for (const int byte : {0, 1, 25, 26, 127, 128, 255}) {
      int64_t changed = 0;
      for (uint32_t k = 0; k < 1u << 24; ++k) {
        const real x = point_of(range, uint8_t(byte), real(k) * real(0x1p-24));
        changed += byte_of(range, x) != byte || !(x < range.high);
      }
      EXPECT_EQ(changed, 0) << "byte " << byte << " of " << range.low << " to " << range.high;
    }
}

TEST(Bytes, ArePointsOfTheirBin) {
  const ByteRange image{-1, 1};
  EXPECT_EQ(point_of(image, 0, 0), -1);
  EXPECT_EQ(point_of(image, 128, 0), 0);
  EXPECT_EQ(point_of(image, 255, real(0.5)), real(1 - 1.0 / 256));
  EXPECT_EQ(byte_of(image, real(-0.001)), 127);
  EXPECT_EQ(byte_of({0, 1}, real(0.5)), 128);
}

TEST(Bytes, TakeTheNearestBinForWhatLiesOutside) {
  constexpr real infinity = std::numeric_limits<real>::infinity();
  for (const real low : {real(-1), real(-1.5), real(-1e30), -infinity, std::numeric_limits<real>::quiet_NaN()})
    EXPECT_EQ(byte_of({-1, 1}, low), 0) << low;
  for (const real high : {real(1), real(1.5), real(1e30), infinity}) EXPECT_EQ(byte_of({-1, 1}, high), 255) << high;
}

/// Sizes around a tile of noise and beyond one task; `first` is where the launch lies in its draw.
class ByteKernels : public testing::TestWithParam<std::pair<int64_t, int64_t>> {
 protected:
  std::vector<uint8_t> all_bytes() const {
    std::vector<uint8_t> q(size_t(n), 0);
    for (size_t i = 0; i < q.size(); ++i) q[i] = uint8_t(i * 7);
    return q;
  }
  const ByteRange range{real(-0.3), real(2.7)};
  const int64_t first = GetParam().first, n = GetParam().second;
  const uint32_t step = 3;
  const kernels::NoiseKey key{2025, 6, &step, first};
};

TEST_P(ByteKernels, QuantiseIsByteOf) {
  const std::vector<real> x = random_reals(n, 30, -1, 4);
  on_every_isa(
      [&] {
        std::vector<uint8_t> q(size_t(n), 0);
        kernels::quantise(cpu_stream, range, n, x.data(), q.data());
        return std::vector<real>(q.begin(), q.end());
      },
      [&](const std::vector<real>& q) {
        for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(q[i], byte_of(range, x[i])) << x[i];
      });
}

TEST_P(ByteKernels, DequantiseTakesTheNumbersOfUniform) {
  const std::vector<uint8_t> q = all_bytes();
  std::vector<real> u = nan_filled(n);
  kernels::uniform(cpu_stream, key, n, 0, 1, u.data());
  on_every_isa(
      [&] {
        std::vector<real> x = nan_filled(n);
        kernels::dequantise(cpu_stream, range, key, n, q.data(), x.data());
        return x;
      },
      [&](const std::vector<real>& x) {
        int64_t centres = 0;
        for (size_t i = 0; i < x.size(); ++i) {
          ASSERT_EQ(byte_of(range, x[i]), q[i]);
          const double width = (double(range.high) - double(range.low)) / 256;
          const double error = std::abs(x[i] - (range.low + (q[i] + double(u[i])) * width));
          if (error > 1e-6) {
            ASSERT_EQ(x[i], point_of(range, q[i], real(0.5))) << "neither u's place nor the bin's centre";
            ++centres;
          }
        }
        EXPECT_LE(centres, n / 1000) << "only what rounding carries out of its bin goes to the centre";
      });
}

TEST_P(ByteKernels, BinCentresAreHalfway) {
  const std::vector<uint8_t> q = all_bytes();
  on_every_isa(
      [&] {
        std::vector<real> x = nan_filled(n);
        kernels::bin_centres(cpu_stream, range, n, q.data(), x.data());
        return x;
      },
      [&](const std::vector<real>& x) {
        for (size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], -0.3 + (q[i] + 0.5) * 3 / 256, 1e-6);
      });
}

INSTANTIATE_TEST_SUITE_P(Sizes, ByteKernels,
                         testing::Values(std::pair(0, 1), std::pair(0, 256), std::pair(5, 784), std::pair(784, 255),
                                         std::pair(1000, 100003)));

}  // namespace
}  // namespace erg::test
