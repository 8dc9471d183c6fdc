// copy_box, fill, avg_pool and upsample on the device against those on the CPU: bit by bit, since they move numbers or
// add them in the same order.
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "cuda_runs.h"
#include "kernels/copy.h"
#include "kernels/pool.h"

namespace erg::test {
namespace {

using kernels::BoxShape;
using kernels::PoolShape;

/// A box, the sizes of the two buffers it lives in, and where its first element is in them.
struct CopyCase {
  BoxShape shape;
  int64_t x_size, y_size, x_start = 0, y_start = 0;
};

/// The whole of y is compared: what lies outside the box must still be NaN.
void expect_copied(const CopyCase& c) {
  const auto x = random_reals(c.x_size, 11);
  auto expected = DeviceReals(c.y_size).to_host();
  kernels::cpu::copy_box(cpu_stream, c.shape, x.data() + c.x_start, expected.data() + c.y_start);
  const DeviceReals on_device(x);
  const auto got = same_in_every_order([&] {
    DeviceReals y(c.y_size);
    kernels::cuda::copy_box(cuda_stream(), c.shape, on_device.data() + c.x_start, y.data() + c.y_start);
    return y.to_host();
  });
  EXPECT_TRUE(same_bits(got, expected));
}

/// More reals than all threads of a full grid read at first, four each.
int64_t beyond_one_grid() { return kernels::cuda::multiprocessors(0) * 64 * 256 * 4 + 1027; }

TEST(CudaCopyBox, Contiguous) {
  ERG_NEEDS_CUDA();
  for (const int64_t n : {int64_t(1), int64_t(3), int64_t(4), int64_t(1000), beyond_one_grid(), 4 * beyond_one_grid()})
    for (const int64_t start : {0, 1}) {
      SCOPED_TRACE(std::to_string(n) + " from " + std::to_string(start));
      expect_copied({kernels::run_of(n), n + start, n, start});
      expect_copied({kernels::run_of(n), n, n + start, 0, start});
    }
}

TEST(CudaCopyBox, CropOfAnImage) {
  ERG_NEEDS_CUDA();
  for (const int64_t c : {3, 4}) {
    const int64_t row = 32 * c, image = 32 * row, crop_row = 28 * c, crop = 28 * crop_row;
    SCOPED_TRACE(c);
    expect_copied({{{3, 28, 28, c}, {image, row, c, 1}, {crop, crop_row, c, 1}}, 3 * image, 3 * crop, 2 * row + 2 * c});
  }
}

TEST(CudaCopyBox, ConcatenationOfChannels) {
  ERG_NEEDS_CUDA();
  for (const int64_t c : {1, 2, 3, 4, 5, 16})
    for (const int64_t others : {7, 8}) {
      const int64_t wide = c + others;
      SCOPED_TRACE(std::to_string(c) + " of " + std::to_string(wide));
      expect_copied({{{2, 8, 8, c}, {64 * c, 8 * c, c, 1}, {64 * wide, 8 * wide, wide, 1}},
                     2 * 64 * c,
                     2 * 64 * wide,
                     0,
                     others});
    }
}

TEST(CudaCopyBox, ImagesToPlanesAndBack) {
  ERG_NEEDS_CUDA();
  for (const int64_t c : {1, 3, 8, 40}) {
    SCOPED_TRACE(c);
    const int64_t h = 9, w = 11, n = h * w * c;
    expect_copied({{{3, c, h, w}, {n, 1, w * c, c}, {n, h * w, w, 1}}, 3 * n, 3 * n});
    expect_copied({{{3, h, w, c}, {n, w, 1, h * w}, {n, w * c, c, 1}}, 3 * n, 3 * n});
  }
}

/// Tiles that are cut off on either side, and more of them than there are blocks.
TEST(CudaCopyBox, Transposes) {
  ERG_NEEDS_CUDA();
  for (const auto& [rows, columns] :
       {std::array<int64_t, 2>{32, 32}, {64, 96}, {33, 31}, {8, 8}, {7, 100}, {100, 7}, {257, 300}}) {
    SCOPED_TRACE(std::to_string(rows) + " by " + std::to_string(columns));
    const int64_t n = rows * columns;
    expect_copied({{{1, 1, rows, columns}, {0, 0, 1, rows}, {0, 0, columns, 1}}, n, n});
  }
}

TEST(CudaCopyBox, BroadcastsAndReversals) {
  ERG_NEEDS_CUDA();
  expect_copied({{{1, 1, 50, 20}, {0, 0, 0, 1}, {0, 0, 20, 1}}, 20, 1000});
  expect_copied({{{1, 1, 50, 20}, {0, 0, 1, 0}, {0, 0, 20, 1}}, 50, 1000});
  expect_copied({{{1, 1, 50, 60}, {0, 0, -60, -1}, {0, 0, 60, 1}}, 3000, 3000, 2999});
  expect_copied({{{1, 1, 50, 60}, {0, 0, -1, -50}, {0, 0, 60, 1}}, 3000, 3000, 2999});
}

TEST(CudaCopyBox, EmptyBoxLeavesEverything) {
  ERG_NEEDS_CUDA();
  for (int i = 0; i < 4; ++i) {
    CopyCase c{{{2, 3, 4, 5}, {60, 20, 5, 1}, {60, 20, 5, 1}}, 120, 120};
    c.shape.dims[i] = 0;
    expect_copied(c);
  }
}

/// Strides of a padded array whose dimensions lie in memory in a random order, and its size.
std::pair<std::array<int64_t, 4>, int64_t> random_layout(const int64_t (&dims)[4], std::mt19937& generator) {
  std::array<int, 4> order{0, 1, 2, 3};
  std::shuffle(order.begin(), order.end(), generator);
  std::array<int64_t, 4> strides;
  int64_t size = 1;
  for (const int i : order) {
    strides[size_t(i)] = size;
    size *= dims[i] + std::array<int64_t, 4>{0, 0, 1, 4}[generator() % 4];
  }
  return {strides, size};
}

TEST(CudaCopyBox, AnyLayoutToAnyLayout) {
  ERG_NEEDS_CUDA();
  std::mt19937 generator(12);
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    CopyCase c{};
    for (int64_t& dim : c.shape.dims) dim = std::array<int64_t, 7>{1, 1, 2, 4, 5, 8, 17}[generator() % 7];
    const auto [from, x_size] = random_layout(c.shape.dims, generator);
    const auto [to, y_size] = random_layout(c.shape.dims, generator);
    std::copy(from.begin(), from.end(), c.shape.from);
    std::copy(to.begin(), to.end(), c.shape.to);
    if (round % 4 == 0) c.shape.from[generator() % 4] = 0;  // a broadcast dimension
    c.x_size = x_size;
    c.y_size = y_size;
    expect_copied(c);
  }
}

TEST(CudaFill, WritesNElementsAndNoMore) {
  ERG_NEEDS_CUDA();
  for (const int64_t n : {int64_t(0), int64_t(1), int64_t(100), beyond_one_grid()})
    for (const int64_t offset : {0, 1, 3}) {
      DeviceReals y(std::vector<real>(size_t(n) + offset + 1, real(7)));
      kernels::cuda::fill(cuda_stream(), n, real(2.5), y.data() + offset);
      std::vector<real> expected(size_t(n) + offset + 1, real(7));
      std::fill_n(expected.begin() + offset, n, real(2.5));
      EXPECT_TRUE(same_bits(y.to_host(), expected)) << n << " at offset " << offset;
    }
}

using PoolKernel = void (*)(const Stream&, const PoolShape&, const real*, real*);

void expect_same_pooling(const PoolShape& s, PoolKernel on_cpu, PoolKernel on_device, int64_t x_size, int64_t y_size) {
  const auto x = random_reals(x_size, 21);
  auto expected = nan_filled(y_size);
  on_cpu(cpu_stream, s, x.data(), expected.data());
  for (const int64_t offset : {0, 1}) {
    const DeviceReals device_x(x, offset);
    const auto got = same_in_every_order([&] {
      DeviceReals y(y_size, offset);
      on_device(cuda_stream(), s, device_x.data(), y.data());
      return y.to_host();
    });
    EXPECT_TRUE(same_bits(got, expected)) << "offset " << offset;
  }
}

class CudaPool : public testing::TestWithParam<PoolShape> {};

TEST_P(CudaPool, AgreesWithTheCpu) {
  ERG_NEEDS_CUDA();
  const PoolShape s = GetParam();
  expect_same_pooling(s, kernels::cpu::avg_pool, kernels::cuda::avg_pool, s.fine_size(), s.coarse_size());
  expect_same_pooling(s, kernels::cpu::upsample, kernels::cuda::upsample, s.coarse_size(), s.fine_size());
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudaPool,
                         testing::Values(PoolShape{1, 1, 1, 1, 1}, PoolShape{2, 3, 5, 1, 2}, PoolShape{2, 3, 5, 3, 2},
                                         PoolShape{2, 2, 4, 17, 3}, PoolShape{3, 5, 4, 8, 2}, PoolShape{2, 1, 1, 64, 4},
                                         PoolShape{2, 7, 9, 12, 1}, PoolShape{4, 33, 35, 3, 2},
                                         PoolShape{0, 4, 4, 3, 2}, PoolShape{2, 4, 4, 0, 2}));

}  // namespace
}  // namespace erg::test
