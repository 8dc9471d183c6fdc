// Batch normalisation on a CUDA device against the CPU's, forward and backward, with and without an activation.
#include <gtest/gtest.h>

#include <ostream>

#include "cuda_runs.h"
#include "kernels/norm.h"

namespace erg::kernels {

void PrintTo(const NormShape& s, std::ostream* out) {
  *out << "[" << s.rows << "," << s.channels << "]";
  if (s.negative_slope != 1) *out << " slope " << s.negative_slope;
}

}  // namespace erg::kernels

namespace erg::test {
namespace {

using kernels::NormShape;

constexpr real epsilon = real(1e-5), leaky = real(0.2);

struct Inputs {
  std::vector<real> x, gamma, beta, g;

  explicit Inputs(const NormShape& s, real offset = 0)
      : x(random_reals(s.rows * s.channels, 31, offset - 1, offset + 1)),
        gamma(random_reals(s.channels, 32, real(0.5), 2)),
        beta(random_reals(s.channels, 33)),
        g(random_reals(s.rows * s.channels, 34)) {}
};

/// What both passes write.
struct Outputs {
  std::vector<real> mean, rstd, y, dx, dgamma, dbeta;

  std::vector<real> all() const {
    std::vector<real> values;
    for (const auto* part : {&mean, &rstd, &y, &dx, &dgamma, &dbeta})
      values.insert(values.end(), part->begin(), part->end());
    return values;
  }
};

Outputs on_cpu(const NormShape& s, const Inputs& in) {
  const auto channels = nan_filled(s.channels), elements = nan_filled(s.rows * s.channels);
  Outputs out{channels, channels, elements, elements, channels, channels};
  kernels::cpu::batch_norm(cpu_stream, s, in.x.data(), in.gamma.data(), in.beta.data(), nullptr, out.mean.data(),
                           out.rstd.data(), out.y.data());
  kernels::cpu::batch_norm_backward(cpu_stream, s, in.g.data(), in.x.data(), in.gamma.data(), in.beta.data(),
                                    out.mean.data(), out.rstd.data(), nullptr, out.dx.data(), out.dgamma.data(),
                                    out.dbeta.data());
  return out;
}

/// `offset` is how many elements the arrays lie off the alignment of 16 bytes.
Outputs on_cuda(const NormShape& s, const Inputs& in, int64_t offset = 0) {
  const int64_t n = s.rows * s.channels;
  const DeviceReals x(in.x, offset), gamma(in.gamma, offset), beta(in.beta, offset), g(in.g, offset);
  DeviceReals mean(s.channels, offset), rstd(s.channels, offset), dgamma(s.channels, offset), dbeta(s.channels, offset);
  DeviceReals y(n, offset), dx(n, offset);
  DeviceReals forward(kernels::cuda::batch_norm_workspace(s)),
      backward(kernels::cuda::batch_norm_backward_workspace(s));
  kernels::cuda::batch_norm(cuda_stream(), s, x.data(), gamma.data(), beta.data(), forward.data(), mean.data(),
                            rstd.data(), y.data());
  kernels::cuda::batch_norm_backward(cuda_stream(), s, g.data(), x.data(), gamma.data(), beta.data(), mean.data(),
                                     rstd.data(), backward.data(), dx.data(), dgamma.data(), dbeta.data());
  return {mean.to_host(), rstd.to_host(), y.to_host(), dx.to_host(), dgamma.to_host(), dbeta.to_host()};
}

/// Too near to where the activation bends either side is right: no cotangent there tells them apart.
Inputs away_from_the_bend(const NormShape& s) {
  Inputs in(s);
  const auto before = on_cpu({s.rows, s.channels, s.epsilon}, in).y;
  for (size_t i = 0; i < before.size() && s.negative_slope != 1; ++i)
    if (std::abs(before[i]) < 1e-4) in.g[i] = 0;
  return in;
}

/// Gradients of the parameters are sums over the rows, and dx has the rounding of such sums, times rstd.
void expect_agreement(const NormShape& s, const Outputs& got, const Outputs& expected) {
  EXPECT_TRUE(near_each(got.mean, expected.mean, 1e-6)) << "mean";
  EXPECT_TRUE(near_each(got.rstd, expected.rstd, 1e-5)) << "rstd";
  EXPECT_TRUE(near_each(got.y, expected.y, 1e-5)) << "y";
  const real largest = expected.rstd.empty() ? 1 : *std::max_element(expected.rstd.begin(), expected.rstd.end());
  EXPECT_TRUE(near_each(got.dx, expected.dx, 1e-5 * std::max<double>(1, largest))) << "dx";
  const double sums = std::max(1e-5, 1e-7 * double(s.rows));
  EXPECT_TRUE(near_each(got.dgamma, expected.dgamma, sums)) << "dgamma";
  EXPECT_TRUE(near_each(got.dbeta, expected.dbeta, sums)) << "dbeta";
}

class CudaBatchNorm : public testing::TestWithParam<NormShape> {
 protected:
  void SetUp() override { ERG_NEEDS_CUDA(); }
};

TEST_P(CudaBatchNorm, AgreesWithTheCpu) {
  const NormShape s = GetParam();
  const Inputs in = away_from_the_bend(s);
  expect_agreement(s, on_cuda(s, in), on_cpu(s, in));
}

TEST_P(CudaBatchNorm, AgreesWithTheCpuOffTheAlignment) {
  const NormShape s = GetParam();
  const Inputs in = away_from_the_bend(s);
  expect_agreement(s, on_cuda(s, in, 1), on_cpu(s, in));
}

TEST_P(CudaBatchNorm, IsTheSameInEveryOrderOfThreads) {
  const NormShape s = GetParam();
  const Inputs in(s);
  same_in_every_order([&] { return on_cuda(s, in).all(); });
}

// Up to 2048 rows, four as one where channels are few, are one launch; more are three.
INSTANTIATE_TEST_SUITE_P(FewRows, CudaBatchNorm,
                         testing::Values(NormShape{2, 1, epsilon}, NormShape{15, 1, epsilon, leaky},
                                         NormShape{64, 64, epsilon, 0}, NormShape{2, 513, epsilon},
                                         NormShape{16, 260, epsilon, leaky}, NormShape{7, 1001, epsilon},
                                         NormShape{1000, 3, epsilon, leaky}, NormShape{999, 17, epsilon, 0},
                                         NormShape{2048, 9, epsilon}, NormShape{0, 3, epsilon}));
INSTANTIATE_TEST_SUITE_P(ManyRows, CudaBatchNorm,
                         testing::Values(NormShape{2049, 20, epsilon}, NormShape{40000, 1, epsilon, leaky},
                                         NormShape{20000, 3, epsilon}, NormShape{20001, 3, epsilon, 0},
                                         NormShape{2052, 17, epsilon, leaky}, NormShape{3001, 64, epsilon, leaky},
                                         NormShape{2200, 260, epsilon, 0}));

TEST(CudaBatchNormOf, NoChannels) {
  ERG_NEEDS_CUDA();
  const NormShape s{5, 0, epsilon};
  EXPECT_TRUE(on_cuda(s, Inputs(s)).all().empty());
}

TEST(CudaBatchNormOf, NumbersFarFromZero) {
  // Squares about zero would lose every digit of this variance.
  ERG_NEEDS_CUDA();
  for (const NormShape s : {NormShape{500, 12, epsilon}, NormShape{5000, 12, epsilon}, NormShape{20000, 1, epsilon}}) {
    const Inputs in(s, 1000);
    const Outputs got = on_cuda(s, in), expected = on_cpu(s, in);
    EXPECT_TRUE(near_each(got.mean, expected.mean, 1e-6));
    EXPECT_TRUE(near_each(got.rstd, expected.rstd, 1e-5));
  }
}

TEST(CudaBatchNormOf, AConstantHasNoVariance) {
  ERG_NEEDS_CUDA();
  for (const int64_t rows : {1, 1000, 10000}) {
    const NormShape s{rows, 6, epsilon};
    Inputs in(s);
    in.x.assign(in.x.size(), real(0.1));
    for (const real rstd : on_cuda(s, in).rstd) EXPECT_NEAR(rstd * std::sqrt(double(epsilon)), 1, 1e-6) << rows;
  }
}

TEST(CudaBatchNormOf, ANanSpoilsItsChannelAndNoOther) {
  ERG_NEEDS_CUDA();
  for (const int64_t rows : {500, 5000})
    for (const real slope : {real(0), real(1)}) {
      const NormShape s{rows, 6, epsilon, slope};
      Inputs in(s);
      in.x[size_t(321 * s.channels + 1)] = std::numeric_limits<real>::quiet_NaN();
      in.g[size_t(17 * s.channels + 4)] = std::numeric_limits<real>::quiet_NaN();
      const Outputs out = on_cuda(s, in);
      for (size_t i = 0; i < out.y.size(); ++i) ASSERT_EQ(std::isnan(out.y[i]), i % 6 == 1) << i;
      for (size_t i = 0; i < out.dx.size(); ++i) ASSERT_EQ(std::isnan(out.dx[i]), i % 6 == 1 || i % 6 == 4) << i;
    }
}

TEST(CudaBatchNormOf, RunningStatistics) {
  ERG_NEEDS_CUDA();
  const std::vector<real> mean = random_reals(37, 1), rstd = random_reals(37, 2, real(0.5), 2),
                          bias = random_reals(37, 3), before = random_reals(37, 4);
  for (const int64_t rows : {1, 100})
    for (const bool with_bias : {false, true}) {
      const NormShape s{rows, 37, epsilon};
      std::vector<real> running_mean = before, running_var = before;
      kernels::running_statistics_(cpu_stream, s, real(0.1), with_bias ? bias.data() : nullptr, mean.data(),
                                   rstd.data(), running_mean.data(), running_var.data());
      DeviceReals m(mean), r(rstd), b(bias), on_device_mean(before), on_device_var(before);
      kernels::running_statistics_(cuda_stream(), s, real(0.1), with_bias ? b.data() : nullptr, m.data(), r.data(),
                                   on_device_mean.data(), on_device_var.data());
      EXPECT_TRUE(near_each(on_device_mean.to_host(), running_mean, 1e-6));
      EXPECT_TRUE(near_each(on_device_var.to_host(), running_var, 1e-6));
    }
}

}  // namespace
}  // namespace erg::test
