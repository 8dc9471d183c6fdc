// copy_box, fill, avg_pool and upsample against plain loops.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>
#include <ostream>

#include "kernel_runs.h"
#include "kernels/copy.h"
#include "kernels/pool.h"

namespace erg::kernels {

void PrintTo(const PoolShape& s, std::ostream* out) {
  *out << "[" << s.n << "," << s.h << "," << s.w << "," << s.c << "] x " << s.k;
}

}  // namespace erg::kernels

namespace erg::test {
namespace {

using kernels::BoxShape;
using kernels::PoolShape;

/// A box, the sizes of the two buffers it lives in, and where its first element is in them.
struct CopyCase {
  BoxShape shape;
  int64_t x_size, y_size, x_start = 0, y_start = 0;
};

std::vector<real> copy_box(const CopyCase& c, const std::vector<real>& x) {
  auto y = nan_filled(c.y_size);
  kernels::copy_box(cpu_stream, c.shape, x.data() + c.x_start, y.data() + c.y_start);
  return y;
}

std::vector<real> copy_box_plainly(const CopyCase& c, const std::vector<real>& x) {
  auto y = nan_filled(c.y_size);
  const BoxShape& s = c.shape;
  for (int64_t i = 0; i < s.dims[0]; ++i)
    for (int64_t j = 0; j < s.dims[1]; ++j)
      for (int64_t k = 0; k < s.dims[2]; ++k)
        for (int64_t l = 0; l < s.dims[3]; ++l)
          y[c.y_start + i * s.to[0] + j * s.to[1] + k * s.to[2] + l * s.to[3]] =
              x[c.x_start + i * s.from[0] + j * s.from[1] + k * s.from[2] + l * s.from[3]];
  return y;
}

/// The whole of y is compared: what lies outside the box must still be NaN.
void expect_copied(const CopyCase& c) {
  const auto x = random_reals(c.x_size, 11);
  const auto expected = copy_box_plainly(c, x);
  on_every_isa([&] { return copy_box(c, x); },
               [&](const std::vector<real>& y) { EXPECT_TRUE(same_bits(expected, y)); });
}

TEST(CopyBox, Contiguous) { expect_copied({{{1, 1, 1, 100003}, {0, 0, 0, 1}, {0, 0, 0, 1}}, 100003, 100003}); }

TEST(CopyBox, ContiguousInFourDimensions) {
  expect_copied({{{8, 32, 32, 3}, {3072, 96, 3, 1}, {3072, 96, 3, 1}}, 24576, 24576});
}

TEST(CopyBox, CropOfAnImage) {
  expect_copied({{{16, 28, 28, 3}, {3072, 96, 3, 1}, {2352, 84, 3, 1}}, 16 * 3072, 16 * 2352, 2 * 96 + 2 * 3, 0});
}

TEST(CopyBox, ConcatenationOfChannels) {
  for (const int64_t c : {1, 2, 3, 4, 5, 64}) {
    SCOPED_TRACE(c);
    const int64_t wide = c + 7;
    expect_copied({{{4, 16, 16, c}, {256 * c, 16 * c, c, 1}, {256 * wide, 16 * wide, wide, 1}},
                   4 * 256 * c,
                   4 * 256 * wide,
                   0,
                   7});
  }
}

TEST(CopyBox, ImagesToPlanesAndBack) {
  for (const int64_t c : {1, 3, 64}) {
    SCOPED_TRACE(c);
    const int64_t h = 20, w = 37, n = h * w * c;
    expect_copied({{{5, c, h, w}, {n, 1, w * c, c}, {n, h * w, w, 1}}, 5 * n, 5 * n});
    expect_copied({{{5, h, w, c}, {n, w, 1, h * w}, {n, w * c, c, 1}}, 5 * n, 5 * n});
  }
}

TEST(CopyBox, Transpose) { expect_copied({{{1, 1, 300, 517}, {0, 0, 1, 300}, {0, 0, 517, 1}}, 155100, 155100}); }

TEST(CopyBox, BroadcastRow) { expect_copied({{{1, 1, 500, 200}, {0, 0, 0, 1}, {0, 0, 200, 1}}, 200, 100000}); }

TEST(CopyBox, BroadcastColumn) { expect_copied({{{1, 1, 500, 200}, {0, 0, 1, 0}, {0, 0, 200, 1}}, 500, 100000}); }

TEST(CopyBox, Reversed) { expect_copied({{{1, 1, 50, 60}, {0, 0, -60, -1}, {0, 0, 60, 1}}, 3000, 3000, 2999, 0}); }

TEST(CopyBox, EmptyBoxLeavesEverything) {
  for (int i = 0; i < 4; ++i) {
    CopyCase c{{{2, 3, 4, 5}, {60, 20, 5, 1}, {60, 20, 5, 1}}, 120, 120};
    c.shape.dims[i] = 0;
    expect_copied(c);
  }
}

/// Strides of a padded array whose dimensions lie in memory in a random order, and its size.
std::pair<std::vector<int64_t>, int64_t> random_layout(const std::vector<int64_t>& dims) {
  std::vector<int> order{0, 1, 2, 3};
  for (int i = 3; i > 0; --i) std::swap(order[i], order[*rc::gen::inRange(0, i + 1)]);
  std::vector<int64_t> strides(4);
  int64_t size = 1;
  for (const int i : order) {
    strides[i] = size;
    size *= dims[i] + *rc::gen::element<int64_t>(0, 0, 1, 3);
  }
  return {strides, std::max<int64_t>(size, 1)};
}

RC_GTEST_PROP(CopyBoxProperty, AnyLayoutToAnyLayout, ()) {
  std::vector<int64_t> dims(4);
  for (int64_t& dim : dims) dim = *rc::gen::element<int64_t>(0, 1, 1, 2, 3, 4, 5, 17, 20);
  const auto [from, x_size] = random_layout(dims);
  const auto [to, y_size] = random_layout(dims);
  CopyCase c{{}, x_size, y_size};
  std::copy(dims.begin(), dims.end(), c.shape.dims);
  std::copy(from.begin(), from.end(), c.shape.from);
  std::copy(to.begin(), to.end(), c.shape.to);
  if (*rc::gen::inRange(0, 4) == 0) c.shape.from[*rc::gen::inRange(0, 4)] = 0;  // a broadcast dimension
  const auto x = random_reals(c.x_size, 11);
  RC_ASSERT(same_bits(copy_box_plainly(c, x), copy_box(c, x)));
}

TEST(Fill, WritesNElementsAndNoMore) {
  for (const int64_t n : {0, 1, 100, 100001}) {
    std::vector<real> y(size_t(n) + 1, real(7));
    kernels::fill(cpu_stream, n, real(2.5), y.data());
    EXPECT_EQ(std::count(y.begin(), y.end() - 1, real(2.5)), n);
    EXPECT_EQ(y.back(), real(7));
  }
}

std::vector<real> avg_pool(const PoolShape& s, const std::vector<real>& x) {
  auto y = nan_filled(s.coarse_size());
  kernels::avg_pool(cpu_stream, s, x.data(), y.data());
  return y;
}

std::vector<real> upsample(const PoolShape& s, const std::vector<real>& x) {
  auto y = nan_filled(s.fine_size());
  kernels::upsample(cpu_stream, s, x.data(), y.data());
  return y;
}

/// Calls f(fine index, coarse index) for every element of the fine side.
template <class F>
void for_fine_elements(const PoolShape& s, const F& f) {
  for (int n = 0; n < s.n; ++n)
    for (int y = 0; y < s.h * s.k; ++y)
      for (int x = 0; x < s.w * s.k; ++x)
        for (int c = 0; c < s.c; ++c)
          f(((int64_t(n) * s.h * s.k + y) * s.w * s.k + x) * s.c + c,
            ((int64_t(n) * s.h + y / s.k) * s.w + x / s.k) * s.c + c);
}

void expect_pooled(const PoolShape& s) {
  const auto fine = random_reals(s.fine_size(), 21), coarse = random_reals(s.coarse_size(), 22);
  std::vector<double> mean(size_t(s.coarse_size()), 0.0);
  for_fine_elements(s, [&](int64_t i, int64_t j) { mean[j] += double(fine[i]) / (s.k * s.k); });
  on_every_isa([&] { return avg_pool(s, fine); },
               [&](const std::vector<real>& y) {
                 for (size_t j = 0; j < y.size(); ++j) ASSERT_NEAR(y[j], mean[j], 1e-6) << j;
               });
  on_every_isa([&] { return upsample(s, coarse); },
               [&](const std::vector<real>& y) {
                 for_fine_elements(s, [&](int64_t i, int64_t j) { ASSERT_EQ(y[i], coarse[j]) << i; });
               });
}

class Pool : public testing::TestWithParam<PoolShape> {};

TEST_P(Pool, MatchesPlainLoops) { expect_pooled(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Shapes, Pool,
                         testing::Values(PoolShape{1, 1, 1, 1, 1}, PoolShape{2, 3, 5, 1, 2}, PoolShape{2, 3, 5, 3, 2},
                                         PoolShape{3, 4, 4, 17, 3}, PoolShape{16, 16, 16, 64, 2},
                                         PoolShape{16, 16, 16, 3, 2}, PoolShape{2, 1, 1, 512, 4},
                                         PoolShape{0, 4, 4, 3, 2}));

RC_GTEST_PROP(PoolProperty, EachIsTheOthersGradientUpToTheFactor, ()) {
  const PoolShape s{*rc::gen::inRange(1, 4), *rc::gen::inRange(1, 6), *rc::gen::inRange(1, 6), *rc::gen::inRange(1, 20),
                    *rc::gen::inRange(1, 5)};
  const auto fine = random_reals(s.fine_size(), 23), coarse = random_reals(s.coarse_size(), 24);
  const auto pooled = avg_pool(s, fine), repeated = upsample(s, coarse);
  const double on_coarse = std::inner_product(pooled.begin(), pooled.end(), coarse.begin(), 0.0);
  const double on_fine = std::inner_product(repeated.begin(), repeated.end(), fine.begin(), 0.0);
  RC_ASSERT(std::abs(on_coarse * s.k * s.k - on_fine) <= 1e-6 * double(s.fine_size()));
}

}  // namespace
}  // namespace erg::test
