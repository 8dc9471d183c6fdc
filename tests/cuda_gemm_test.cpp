// Matrix multiplication on the device against the CPU's, in both precisions: every way of storing the operands, every
// shape of tile, edges that no tile meets, stretches of k that blocks share.
#include <gtest/gtest.h>

#include <cmath>
#include <ostream>
#include <set>
#include <vector>

#include "cuda_runs.h"
#include "kernels/cuda/plan.h"
#include "kernels/gemm.h"

namespace erg::kernels {

void PrintTo(const GemmShape& s, std::ostream* out) {
  *out << s.m << "x" << s.k << (s.transpose_a ? "^T" : "") << " by " << s.k << "x" << s.n
       << (s.transpose_b ? "^T" : "");
}

namespace {

using namespace test;
using cuda::Precision;
using cuda::TileKind;

constexpr int guard = 8;  // elements beyond an array's end, to see that they are left alone

cuda::Plan plan(const GemmShape& s) { return cuda::plan_for({s.m, s.n, s.k, 1, s.m * s.n}); }

/// `offset` moves all operands off their alignment.
std::vector<real> product(const GemmShape& s, const std::vector<real>& a, const std::vector<real>& b,
                          int64_t offset = 0) {
  const int64_t size = gemm_workspace(cuda_stream().device, s);
  DeviceReals on_a(a, offset), on_b(b, offset), workspace(size + guard), c(s.m * s.n + guard, offset);
  gemm(cuda_stream(), s, on_a.data(), on_b.data(), workspace.data(), c.data());
  std::vector<real> result = c.to_host(), used = workspace.to_host();
  for (int i = 0; i < guard; ++i) {
    EXPECT_TRUE(std::isnan(result[size_t(s.m * s.n + i)])) << "wrote beyond C";
    EXPECT_TRUE(std::isnan(used[size_t(size + i)])) << "wrote beyond the workspace";
  }
  result.resize(size_t(s.m * s.n));
  return result;
}

std::vector<real> product_on_cpu(const GemmShape& s, const std::vector<real>& a, const std::vector<real>& b) {
  std::vector<real> workspace(size_t(cpu::gemm_workspace(s))), c(size_t(s.m * s.n));
  cpu::gemm(cpu_stream, s, a.data(), b.data(), workspace.data(), c.data());
  return c;
}

std::vector<real> magnitudes(std::vector<real> values) {
  for (real& value : values) value = std::abs(value);
  return values;
}

/// What an element may be off by, relative to the sum of its terms' magnitudes: in tf32 each factor is off by 2^-11.
double tolerance() { return cuda::precision() == Precision::tf32 ? 1.01 * 0x1p-10 : 2e-6; }

void expect_product(const GemmShape& s, int64_t offset = 0) {
  SCOPED_TRACE(testing::PrintToString(s));
  const std::vector<real> a = random_reals(s.m * s.k, 1), b = random_reals(s.k * s.n, 2);
  const std::vector<real> got = product(s, a, b, offset), expected = product_on_cpu(s, a, b);
  const std::vector<real> bound = product_on_cpu(s, magnitudes(a), magnitudes(b));
  for (size_t i = 0; i < expected.size(); ++i)
    ASSERT_LE(std::abs(double(got[i]) - expected[i]), tolerance() * bound[i]) << "element " << i;
}

class CudaGemm : public testing::TestWithParam<Precision> {
 protected:
  void SetUp() override { ERG_NEEDS_CUDA(); }
  const WithPrecision precision_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Precisions, CudaGemm, testing::Values(Precision::tf32, Precision::fp32),
                         [](const auto& info) { return info.param == Precision::tf32 ? "tf32" : "fp32"; });

TEST_P(CudaGemm, SmallShapesOfAllOrders) {
  const int64_t sizes[] = {1, 3, 4, 17, 20};
  for (const int64_t m : sizes)
    for (const int64_t n : sizes)
      for (const int64_t k : sizes) {
        const int transposes = int(m + n + k) % 4;  // all four meet all sizes
        expect_product({m, n, k, transposes / 2 == 1, transposes % 2 == 1});
      }
}

TEST_P(CudaGemm, SeveralTiles) {
  for (const bool transpose_a : {false, true})
    for (const bool transpose_b : {false, true}) {
      expect_product({132, 136, 52, transpose_a, transpose_b});
      expect_product({129, 67, 35, transpose_a, transpose_b});
    }
}

TEST_P(CudaGemm, OperandsThatAreNotAligned) {
  for (const bool transpose_a : {false, true})
    for (const bool transpose_b : {false, true}) expect_product({36, 68, 20, transpose_a, transpose_b}, 1);
}

TEST_P(CudaGemm, EveryKindOfTile) {
  const bool tf32 = GetParam() == Precision::tf32;
  const std::set<TileKind> kinds = tf32 ? std::set{TileKind::tf32_64x64, TileKind::tf32_128x64, TileKind::tf32_128x128}
                                        : std::set{TileKind::fp32_128x64};
  std::set<TileKind> seen;
  for (const GemmShape& s : {GemmShape{70, 65, 9}, GemmShape{1400, 600, 8, true}, GemmShape{1500, 1200, 8, false, true},
                             GemmShape{1501, 1201, 5}}) {
    expect_product(s);
    seen.insert(plan(s).tile);
  }
  EXPECT_EQ(seen, kinds);
}

TEST_P(CudaGemm, BlocksThatShareATile) {
  for (const GemmShape& s :
       {GemmShape{8, 12, 3000}, GemmShape{5, 7, 3001, true}, GemmShape{65, 30, 1032, false, true}}) {
    EXPECT_GT(plan(s).splits, 1);
    expect_product(s);
  }
}

TEST_P(CudaGemm, SumsOfNothingAreZero) {
  EXPECT_EQ(product({3, 5, 0}, {}, {}), std::vector<real>(15, 0));
  EXPECT_EQ(product({0, 5, 3}, {}, random_reals(15, 1)), std::vector<real>());
  EXPECT_EQ(product({3, 0, 5}, random_reals(15, 1), {}), std::vector<real>());
}

TEST_P(CudaGemm, NotANumberStaysInItsRow) {
  const GemmShape s{9, 19, 5};
  std::vector<real> a = random_reals(s.m * s.k, 1);
  a[4 * s.k + 2] = std::numeric_limits<real>::quiet_NaN();
  const std::vector<real> c = product(s, a, random_reals(s.k * s.n, 2));
  for (int64_t i = 0; i < s.m; ++i)
    for (int64_t j = 0; j < s.n; ++j) EXPECT_EQ(std::isnan(c[size_t(i * s.n + j)]), i == 4) << i << " " << j;
}

TEST_P(CudaGemm, SameBitsInAnyOrderOfThreads) {
  for (const GemmShape& s : {GemmShape{131, 66, 40}, GemmShape{8, 12, 600, true, true}}) {
    const std::vector<real> a = random_reals(s.m * s.k, 1), b = random_reals(s.k * s.n, 2);
    same_in_every_order([&] { return product(s, a, b); });
  }
}

}  // namespace
}  // namespace erg::kernels
