// Noise on the device, and the bytes that use it, against the CPU: the integers are the same, and so is everything that
// is made of them without rounding.
#include <gtest/gtest.h>

#include <string>

#include "cuda_runs.h"
#include "kernels/quantise.h"
#include "kernels/random.h"

namespace erg::test {
namespace {

using kernels::ByteRange;
using kernels::NoiseKey;

/// A draw's seed and streams, with its step word on both devices.
struct Draw {
  uint32_t step = 5;
  DeviceArray<uint32_t> device_step{std::vector<uint32_t>{5}};

  NoiseKey on_cpu(int64_t first) const { return {0x123456789ABCDEFull, 7, &step, first}; }
  NoiseKey on_device(int64_t first) const { return {0x123456789ABCDEFull, 7, device_step.data(), first}; }
};

/// Where a launch begins in its draw, how many elements it has, and how far its arrays are off their alignment.
struct Place {
  int64_t first, n, offset;
};

/// Calls body(place) for every way to begin and end within a block of noise, for more elements than one grid takes, and
/// for a draw that is longer than 32 bits of blocks.
template <class Body>
void for_each_place(const Body& body) {
  const int64_t beyond_one_grid = kernels::cuda::multiprocessors(0) * 64 * 256 * 4 + 1027;
  std::vector<Place> places{{0, beyond_one_grid, 0}, {(int64_t(1) << 34) - 3001, 6002, 3}};
  for (const int64_t first : {0, 1, 2, 3, 4, 1001})
    for (const int64_t n : {0, 1, 2, 3, 4, 5, 64, 1003})
      for (const int64_t offset : {0, 1, 2, 3}) places.push_back({first, n, offset});
  for (const Place& place : places) {
    SCOPED_TRACE(std::to_string(place.n) + " elements from " + std::to_string(place.first) + ", offset " +
                 std::to_string(place.offset));
    body(place);
  }
}

TEST(CudaNormal, IsTheCpus) {
  ERG_NEEDS_CUDA();
  const Draw draw;
  for_each_place([&](const Place& at) {
    auto expected = nan_filled(at.n);
    kernels::cpu::normal(cpu_stream, draw.on_cpu(at.first), at.n, expected.data());
    const auto got = same_in_every_order([&] {
      DeviceReals y(at.n, at.offset);
      kernels::cuda::normal(cuda_stream(), draw.on_device(at.first), at.n, y.data());
      return y.to_host();
    });
    EXPECT_TRUE(near_each(got, expected, 2e-6));
  });
}

/// On these intervals no rounding depends on whether a product and a sum are fused.
TEST(CudaUniform, IsTheCpusBitByBit) {
  ERG_NEEDS_CUDA();
  const Draw draw;
  for (const real low : {real(0), real(-1)})
    for_each_place([&](const Place& at) {
      auto expected = nan_filled(at.n);
      kernels::cpu::uniform(cpu_stream, draw.on_cpu(at.first), at.n, low, 1, expected.data());
      const auto got = same_in_every_order([&] {
        DeviceReals y(at.n, at.offset);
        kernels::cuda::uniform(cuda_stream(), draw.on_device(at.first), at.n, low, 1, y.data());
        return y.to_host();
      });
      EXPECT_TRUE(same_bits(got, expected));
    });
}

/// An interval on which rounding may differ in the last place.
TEST(CudaUniform, StaysInAnyInterval) {
  ERG_NEEDS_CUDA();
  const Draw draw;
  const int64_t n = 10000;
  const real low = real(0.1), high = real(0.7);
  auto expected = nan_filled(n);
  kernels::cpu::uniform(cpu_stream, draw.on_cpu(0), n, low, high, expected.data());
  DeviceReals y(n);
  kernels::cuda::uniform(cuda_stream(), draw.on_device(0), n, low, high, y.data());
  EXPECT_TRUE(near_each(y.to_host(), expected, 1e-7));
  for (const real value : y.to_host()) ASSERT_TRUE(low <= value && value < high) << value;
}

/// Whoever draws some rows of a batch gets the numbers that they have in the whole batch.
TEST(CudaNormal, RowsAreThoseOfTheWholeBatch) {
  ERG_NEEDS_CUDA();
  const Draw draw;
  constexpr int64_t rows = 37, columns = 7;
  DeviceReals whole(rows * columns), by_rows(rows * columns);
  kernels::cuda::normal(cuda_stream(), draw.on_device(0), rows * columns, whole.data());
  for (int64_t row = 0; row < rows; ++row)
    kernels::cuda::normal(cuda_stream(), draw.on_device(row * columns), columns, by_rows.data() + row * columns);
  EXPECT_TRUE(same_bits(by_rows.to_host(), whole.to_host()));
}

TEST(CudaAdvance, AddsToTheStepAndWraps) {
  ERG_NEEDS_CUDA();
  DeviceArray<uint32_t> step(std::vector<uint32_t>{0xFFFFFFF0u, 1});
  kernels::cuda::advance_(cuda_stream(), 0x20, step.data());
  kernels::cuda::advance_(cuda_stream(), 3, step.data());
  EXPECT_EQ(step.to_host(), (std::vector<uint32_t>{0x13, 1}));
}

/// Bins on which rounding is the same on both devices.
constexpr ByteRange range{-1, 1};

std::vector<uint8_t> some_bytes(int64_t n) {
  std::vector<uint8_t> q(size_t(n), 0);
  for (size_t i = 0; i < q.size(); ++i) q[i] = uint8_t(i * 7);
  return q;
}

TEST(CudaQuantise, DequantisedPointsAreTheCpus) {
  ERG_NEEDS_CUDA();
  const Draw draw;
  for_each_place([&](const Place& at) {
    const auto q = some_bytes(at.n);
    auto expected = nan_filled(at.n);
    kernels::cpu::dequantise(cpu_stream, range, draw.on_cpu(at.first), at.n, q.data(), expected.data());
    for (const int64_t q_offset : {int64_t(0), at.offset}) {
      const DeviceArray<uint8_t> device_q(q, q_offset);
      DeviceReals x(at.n, at.offset);
      kernels::cuda::dequantise(cuda_stream(), range, draw.on_device(at.first), at.n, device_q.data(), x.data());
      EXPECT_TRUE(same_bits(x.to_host(), expected)) << "bytes at offset " << q_offset;
    }
  });
}

TEST(CudaQuantise, BinCentresAreTheCpus) {
  ERG_NEEDS_CUDA();
  for_each_place([&](const Place& at) {
    const auto q = some_bytes(at.n);
    auto expected = nan_filled(at.n);
    kernels::cpu::bin_centres(cpu_stream, range, at.n, q.data(), expected.data());
    const DeviceArray<uint8_t> device_q(q, at.offset);
    DeviceReals x(at.n, at.offset);
    kernels::cuda::bin_centres(cuda_stream(), range, at.n, device_q.data(), x.data());
    EXPECT_TRUE(same_bits(x.to_host(), expected));
  });
}

TEST(CudaQuantise, BytesAreTheCpus) {
  ERG_NEEDS_CUDA();
  for_each_place([&](const Place& at) {
    auto x = random_reals(at.n, 30, -2, 2);
    const real special[] = {-1, 1, 0, std::numeric_limits<real>::infinity(), std::numeric_limits<real>::quiet_NaN()};
    for (size_t i = 0; i < x.size() && i < std::size(special); ++i) x[i] = special[i];
    for (const ByteRange& any : {range, ByteRange{real(-0.3), real(1.7)}}) {
      std::vector<uint8_t> expected(size_t(at.n), 0);
      kernels::cpu::quantise(cpu_stream, any, at.n, x.data(), expected.data());
      const DeviceReals device_x(x, at.offset);
      DeviceArray<uint8_t> q(at.n, at.offset);
      kernels::cuda::quantise(cuda_stream(), any, at.n, device_x.data(), q.data());
      EXPECT_EQ(q.to_host(), expected);
    }
  });
}

}  // namespace
}  // namespace erg::test
