// Matrix multiplication against a loop in double, at every instruction set, and the promises every kernel makes:
// outputs wholly written, nothing read from a dirty workspace, the same bits on any number of threads.
#include "kernels/gemm.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernel_runs.h"

namespace erg::kernels {
namespace {

using namespace test;

constexpr int guard = 8;  // elements beyond an array's end, to see that they are left alone

std::vector<real> product(const GemmShape& s, const std::vector<real>& a, const std::vector<real>& b) {
  const int64_t size = gemm_workspace(cpu_device, s);
  std::vector<real> workspace = nan_filled(size + guard), c = nan_filled(s.m * s.n + guard);
  gemm(cpu_stream, s, a.data(), b.data(), workspace.data(), c.data());
  for (int i = 0; i < guard; ++i) {
    EXPECT_TRUE(std::isnan(workspace[size + i])) << "wrote beyond the workspace";
    EXPECT_TRUE(std::isnan(c[s.m * s.n + i])) << "wrote beyond C";
  }
  c.resize(s.m * s.n);
  return c;
}

/// The largest error of a product of noise, in units of what rounding `k` terms may cost: below 1 is right.
double error_in_roundings(const GemmShape& s) {
  const std::vector<real> a = random_reals(s.m * s.k, 1), b = random_reals(s.k * s.n, 2), c = product(s, a, b);
  double worst = 0;
  for (int64_t i = 0; i < s.m; ++i)
    for (int64_t j = 0; j < s.n; ++j) {
      double sum = 0, magnitude = 0;
      for (int64_t p = 0; p < s.k; ++p) {
        const double term =
            double(a[s.transpose_a ? p * s.m + i : i * s.k + p]) * double(b[s.transpose_b ? j * s.k + p : p * s.n + j]);
        sum += term;
        magnitude += std::abs(term);
      }
      const double allowed = 2 * std::sqrt(double(s.k) + 1) * std::numeric_limits<real>::epsilon() * magnitude;
      const double error = std::abs(double(c[i * s.n + j]) - sum);
      if (!(error <= allowed)) worst = std::max(worst, std::isnan(error) ? INFINITY : error / allowed);
    }
  return worst;
}

/// Runs every test at each level the CPU has.
class Gemm : public testing::TestWithParam<cpu::Isa> {
 protected:
  void SetUp() override {
    before_ = cpu::isa();
    cpu::set_isa(GetParam());
  }
  void TearDown() override { cpu::set_isa(before_); }

 private:
  cpu::Isa before_;
};

INSTANTIATE_TEST_SUITE_P(Isa, Gemm, testing::ValuesIn(cpu::available_isas()),
                         [](const auto& level) { return std::string(cpu::name(level.param)); });

TEST_P(Gemm, MatchesDoubleLoop) {
  const int64_t sizes[] = {0, 1, 2, 3, 7, 8, 17, 33};
  for (int64_t m : sizes)
    for (int64_t n : sizes)
      for (int64_t k : sizes)
        for (bool transpose_a : {false, true})
          for (bool transpose_b : {false, true})
            EXPECT_EQ(error_in_roundings({m, n, k, transpose_a, transpose_b}), 0)
                << m << "x" << n << "x" << k << " " << transpose_a << transpose_b;
}

TEST_P(Gemm, MatchesDoubleLoopBeyondOneBlock) {
  for (bool transpose_a : {false, true})
    for (bool transpose_b : {false, true}) {
      EXPECT_EQ(error_in_roundings({100, 300, 600, transpose_a, transpose_b}), 0);
      EXPECT_EQ(error_in_roundings({800, 20, 260, transpose_a, transpose_b}), 0);
      EXPECT_EQ(error_in_roundings({10, 1100, 70, transpose_a, transpose_b}), 0);
    }
}

TEST_P(Gemm, MatchesDoubleLoopOnRandomShapes) {
  EXPECT_TRUE(rc::check("gemm", [] {
    const auto size = [] { return *rc::gen::inRange<int64_t>(0, 150); };
    const GemmShape s{size(), size(), size(), *rc::gen::arbitrary<bool>(), *rc::gen::arbitrary<bool>()};
    RC_ASSERT(error_in_roundings(s) == 0);
  }));
}

TEST_P(Gemm, EmptySumIsZero) {
  const std::vector<real> c = product({3, 5, 0}, {}, {});
  EXPECT_EQ(c, std::vector<real>(15, 0));
}

TEST_P(Gemm, KeepsNotANumberInItsRowAndColumn) {
  const GemmShape s{9, 19, 5};
  std::vector<real> a = random_reals(s.m * s.k, 1);
  a[4 * s.k + 2] = std::numeric_limits<real>::quiet_NaN();
  const std::vector<real> c = product(s, a, random_reals(s.k * s.n, 2));
  for (int64_t i = 0; i < s.m; ++i)
    for (int64_t j = 0; j < s.n; ++j) EXPECT_EQ(std::isnan(c[i * s.n + j]), i == 4) << i << " " << j;
}

TEST_P(Gemm, SameBitsOnAnyNumberOfThreads) {
  for (const GemmShape& s :
       {GemmShape{300, 300, 1100}, GemmShape{500, 40, 300, true}, GemmShape{30, 900, 300, false, true}}) {
    const std::vector<real> a = random_reals(s.m * s.k, 1), b = random_reals(s.k * s.n, 2);
    set_threads(1);
    const std::vector<real> one = product(s, a, b);
    for (int threads : {2, 3}) {
      set_threads(threads);
      EXPECT_TRUE(same_bits(product(s, a, b), one)) << threads << " threads";
    }
  }
  set_threads(2);
}

/// Chains of a batch are those of each alone: a row of C has the same bits, however many there are.
TEST_P(Gemm, ARowIsTheSameAlone) {
  for (const int64_t n : {1, 3, 8, 40, 1100})
    for (const int64_t k : {1, 6, 100, 1100})
      for (const bool transpose_b : {false, true}) {
        const GemmShape all{9, n, k, false, transpose_b}, one{1, n, k, false, transpose_b};
        const std::vector<real> a = random_reals(9 * k, 1), b = random_reals(k * n, 2), c = product(all, a, b);
        for (int64_t row = 0; row < 9; ++row)
          EXPECT_TRUE(same_bits(product(one, {a.begin() + row * k, a.begin() + (row + 1) * k}, b),
                                std::vector<real>(c.begin() + row * n, c.begin() + (row + 1) * n)))
              << n << " columns, " << k << " terms, row " << row;
      }
}

}  // namespace
}  // namespace erg::kernels
