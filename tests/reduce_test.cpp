// sum_axis against plain sums in double.
#include "kernels/reduce.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <ostream>

#include "kernel_runs.h"

namespace erg::kernels {

void PrintTo(const AxisShape& s, std::ostream* out) {
  *out << "[" << s.outer << "," << s.axis << "," << s.inner << "]";
}

}  // namespace erg::kernels

namespace erg::test {
namespace {

using kernels::AxisShape;

std::vector<real> sum_axis(const AxisShape& s, const std::vector<real>& x) {
  auto y = nan_filled(s.outer * s.inner);
  kernels::sum_axis(cpu_stream, s, x.data(), nullptr, y.data());
  return y;
}

/// Within a dozen roundings of the sum of magnitudes: what blocks of 64 rows may cost, however long the axis.
void expect_sums(const AxisShape& s, const std::vector<real>& x, const std::vector<real>& y) {
  for (int64_t o = 0; o < s.outer; ++o)
    for (int64_t i = 0; i < s.inner; ++i) {
      double sum = 0, magnitude = 0;
      for (int64_t a = 0; a < s.axis; ++a) {
        const double value = x[(o * s.axis + a) * s.inner + i];
        sum += value;
        magnitude += std::abs(value);
      }
      const double tolerance = 12 * double(std::numeric_limits<real>::epsilon()) * magnitude;
      ASSERT_NEAR(y[o * s.inner + i], sum, tolerance) << "at o=" << o << " i=" << i;
    }
}

void expect_sums_everywhere(const AxisShape& s) {
  const auto x = random_reals(s.outer * s.axis * s.inner, unsigned(s.outer + 7 * s.axis + 31 * s.inner));
  on_every_isa([&] { return sum_axis(s, x); }, [&](const std::vector<real>& y) { expect_sums(s, x, y); });
}

class SumAxis : public testing::TestWithParam<AxisShape> {};

TEST_P(SumAxis, MatchesASumInDouble) { expect_sums_everywhere(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Scalars, SumAxis,
                         testing::Values(AxisShape{1, 1, 1}, AxisShape{1, 64, 1}, AxisShape{1, 65, 1},
                                         AxisShape{1, 1023, 1}, AxisShape{1, 1024, 1}, AxisShape{1, 32769, 1},
                                         AxisShape{1, 1000003, 1}));
INSTANTIATE_TEST_SUITE_P(Rows, SumAxis,
                         testing::Values(AxisShape{10000, 2, 1}, AxisShape{1000, 10, 1}, AxisShape{64, 784, 1},
                                         AxisShape{3, 100000, 1}));
INSTANTIATE_TEST_SUITE_P(Columns, SumAxis,
                         testing::Values(AxisShape{1, 100000, 2}, AxisShape{1, 100000, 3}, AxisShape{1, 20000, 15},
                                         AxisShape{1, 20000, 16}, AxisShape{1, 20000, 17}, AxisShape{1, 5000, 64},
                                         AxisShape{1, 2000, 255}, AxisShape{1, 2000, 257}, AxisShape{1, 1000, 1024},
                                         AxisShape{1, 64, 100000}, AxisShape{1, 70, 20000}));
INSTANTIATE_TEST_SUITE_P(Middle, SumAxis,
                         testing::Values(AxisShape{64, 256, 128}, AxisShape{2, 5000, 31}, AxisShape{5, 65, 7},
                                         AxisShape{300, 9, 3}, AxisShape{17, 1000, 1}));

RC_GTEST_PROP(SumAxisProperty, MatchesASumInDouble, ()) {
  const AxisShape s{*rc::gen::inRange<int64_t>(1, 20), *rc::gen::inRange<int64_t>(0, 400),
                    *rc::gen::inRange<int64_t>(1, 40)};
  expect_sums_everywhere(s);
  RC_ASSERT(!testing::Test::HasFailure());
}

TEST(SumAxisOrder, DependsOnTheShapeAlone) {
  for (const AxisShape s : {AxisShape{1, 100003, 1}, AxisShape{1, 50000, 3}, AxisShape{7, 1000, 33}}) {
    const auto x = random_reals(s.outer * s.axis * s.inner, 1);
    kernels::cpu::set_isa(kernels::cpu::Isa::baseline);
    const auto expected = sum_axis(s, x);
    on_every_isa([&] { return sum_axis(s, x); },
                 [&](const std::vector<real>& y) { EXPECT_TRUE(same_bits(expected, y)); });
  }
}

TEST(SumAxisAccuracy, TenMillionEqualTerms) {
  // Equal terms round the same way again and again: the worst case of a running sum.
  const int64_t n = 10'000'000;
  const std::vector<real> x(size_t(n), real(0.1));
  const double sum = double(n) * double(x[0]);
  on_every_isa(
      [&] {
        return sum_axis({1, n, 1}, x);
      },
      [&](const std::vector<real>& y) { EXPECT_NEAR(y[0] / sum, 1, 1e-6); });
}

TEST(SumAxisAccuracy, TenMillionRandomTerms) {
  const int64_t n = 10'000'000;
  const auto x = random_reals(n, 3, 0, 1);
  double sum = 0;
  for (const real value : x) sum += value;
  on_every_isa(
      [&] {
        return sum_axis({1, n, 1}, x);
      },
      [&](const std::vector<real>& y) { EXPECT_NEAR(y[0] / sum, 1, 1e-6); });
}

TEST(SumAxisEdge, AnEmptyAxisGivesZeros) {
  on_every_isa(
      [&] {
        return sum_axis({3, 0, 5}, {});
      },
      [&](const std::vector<real>& y) { EXPECT_EQ(y, std::vector<real>(15, real(0))); });
}

TEST(SumAxisEdge, NoOutputs) {
  EXPECT_TRUE(sum_axis({0, 5, 3}, {}).empty());
  EXPECT_TRUE(sum_axis({3, 100, 0}, {}).empty());
}

TEST(SumAxisEdge, NanAndInfinityReachTheirSumOnly) {
  const AxisShape s{2, 3000, 5};
  auto x = random_reals(s.outer * s.axis * s.inner, 5);
  x[(1 * s.axis + 2999) * s.inner + 3] = std::numeric_limits<real>::quiet_NaN();
  x[(0 * s.axis + 17) * s.inner + 0] = std::numeric_limits<real>::infinity();
  on_every_isa([&] { return sum_axis(s, x); },
               [&](const std::vector<real>& y) {
                 for (int i = 0; i < 10; ++i) EXPECT_EQ(std::isnan(y[i]), i == 8) << i;
                 for (int i = 0; i < 10; ++i) EXPECT_EQ(std::isinf(y[i]), i == 0) << i;
               });
}

}  // namespace
}  // namespace erg::test
