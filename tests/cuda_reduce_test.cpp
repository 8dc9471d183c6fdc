// sum_axis on a CUDA device against the CPU's.
#include <gtest/gtest.h>

#include <ostream>

#include "cuda_runs.h"
#include "kernels/reduce.h"

namespace erg::kernels {

void PrintTo(const AxisShape& s, std::ostream* out) {
  *out << "[" << s.outer << "," << s.axis << "," << s.inner << "]";
}

}  // namespace erg::kernels

namespace erg::test {
namespace {

using kernels::AxisShape;

std::vector<real> on_cpu(const AxisShape& s, const std::vector<real>& x) {
  auto y = nan_filled(s.outer * s.inner);
  kernels::cpu::sum_axis(cpu_stream, s, x.data(), nullptr, y.data());
  return y;
}

/// `offset` is how many elements x lies off the alignment of 16 bytes.
std::vector<real> on_cuda(const AxisShape& s, const std::vector<real>& values, int64_t offset = 0) {
  const DeviceReals x(values, offset);
  DeviceReals workspace(kernels::cuda::sum_axis_workspace(s)), y(s.outer * s.inner);
  kernels::cuda::sum_axis(cuda_stream(), s, x.data(), workspace.data(), y.data());
  return y.to_host();
}

std::vector<real> inputs_of(const AxisShape& s) {
  return random_reals(s.outer * s.axis * s.inner, unsigned(s.outer + 7 * s.axis + 31 * s.inner));
}

class CudaSumAxis : public testing::TestWithParam<AxisShape> {
 protected:
  void SetUp() override { ERG_NEEDS_CUDA(); }
};

TEST_P(CudaSumAxis, AgreesWithTheCpuInEveryOrderOfThreads) {
  const AxisShape s = GetParam();
  const auto x = inputs_of(s);
  EXPECT_TRUE(near_each(same_in_every_order([&] { return on_cuda(s, x); }), on_cpu(s, x), 1e-5));
}

TEST_P(CudaSumAxis, AgreesWithTheCpuOffTheAlignment) {
  const AxisShape s = GetParam();
  const auto x = inputs_of(s);
  for (const int64_t offset : {1, 2}) EXPECT_TRUE(near_each(on_cuda(s, x, offset), on_cpu(s, x), 1e-5)) << offset;
}

INSTANTIATE_TEST_SUITE_P(Scalars, CudaSumAxis,
                         testing::Values(AxisShape{1, 1, 1}, AxisShape{1, 512, 1}, AxisShape{1, 513, 1},
                                         AxisShape{1, 1024, 1}, AxisShape{1, 65536, 1}, AxisShape{1, 70001, 1}));
INSTANTIATE_TEST_SUITE_P(Rows, CudaSumAxis,
                         testing::Values(AxisShape{1000, 2, 1}, AxisShape{999, 10, 1}, AxisShape{130, 500, 1},
                                         AxisShape{7, 784, 1}, AxisShape{1024, 520, 1}, AxisShape{3, 20003, 1}));
INSTANTIATE_TEST_SUITE_P(ShortAxes, CudaSumAxis,
                         testing::Values(AxisShape{1, 16, 1000}, AxisShape{300, 9, 3}, AxisShape{1000, 1, 2},
                                         AxisShape{2, 5, 5000}));
INSTANTIATE_TEST_SUITE_P(Columns, CudaSumAxis,
                         testing::Values(AxisShape{1, 9000, 2}, AxisShape{1, 20000, 3}, AxisShape{1, 20001, 3},
                                         AxisShape{1, 3000, 15}, AxisShape{1, 4001, 17}, AxisShape{1, 2000, 64},
                                         AxisShape{1, 2500, 64}, AxisShape{1, 70, 257}, AxisShape{1, 600, 260},
                                         AxisShape{1, 100, 1001}, AxisShape{64, 25, 12}, AxisShape{2, 5000, 31},
                                         AxisShape{5, 65, 7}));
INSTANTIATE_TEST_SUITE_P(OfNothing, CudaSumAxis,
                         testing::Values(AxisShape{3, 0, 5}, AxisShape{3, 0, 1}, AxisShape{0, 5, 3},
                                         AxisShape{0, 5000, 1}, AxisShape{3, 100, 0}));

TEST(CudaSumAxisOf, MoreRowsAndSumsThanOneGridHas) {
  ERG_NEEDS_CUDA();
  const int64_t many = kernels::cuda::multiprocessors(0) * 16 * 256 + 1;
  for (const AxisShape s : {AxisShape{many, 2, 1}, AxisShape{many / 3, 2, 3}}) {
    const auto x = inputs_of(s);
    EXPECT_TRUE(near_each(on_cuda(s, x), on_cpu(s, x), 1e-6));
  }
}

TEST(CudaSumAxisOf, AMillionEqualTerms) {
  // Equal terms round the same way again and again: the worst case of a running sum.
  ERG_NEEDS_CUDA();
  const int64_t n = 1'000'000;
  const std::vector<real> x(size_t(n), real(0.1));
  for (const int64_t columns : {1, 50})
    for (const real y : on_cuda({1, n / columns, columns}, x))
      EXPECT_NEAR(y / (double(n / columns) * double(x[0])), 1, 1e-6) << columns << " columns";
}

TEST(CudaSumAxisOf, NanAndInfinityReachTheirSumOnly) {
  ERG_NEEDS_CUDA();
  for (const AxisShape s : {AxisShape{2, 3000, 5}, AxisShape{2, 12, 5}, AxisShape{10, 300, 1}}) {
    auto x = random_reals(s.outer * s.axis * s.inner, 5);
    x.front() = std::numeric_limits<real>::infinity();
    x.back() = std::numeric_limits<real>::quiet_NaN();
    const auto y = on_cuda(s, x);
    for (size_t i = 0; i < y.size(); ++i) {
      EXPECT_EQ(std::isinf(y[i]), i == 0) << i;
      EXPECT_EQ(std::isnan(y[i]), i + 1 == y.size()) << i;
    }
  }
}

}  // namespace
}  // namespace erg::test
