// batch_norm against plain loops in double, and its gradients against central differences of those loops.
#include "kernels/norm.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <ostream>

#include "kernel_runs.h"

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

/// Mean and 1/sqrt(var + epsilon) of one channel, in double.
struct Moments {
  double mean = 0, rstd = 0;
  template <class T>
  Moments(const NormShape& s, const T* x, int64_t c) {
    double squares = 0;
    for (int64_t r = 0; r < s.rows; ++r) mean += double(x[r * s.channels + c]) / double(s.rows);
    for (int64_t r = 0; r < s.rows; ++r) squares += std::pow(double(x[r * s.channels + c]) - mean, 2);
    rstd = 1 / std::sqrt(squares / double(s.rows) + double(s.epsilon));
  }
};

/// The activation's derivative where its argument is y.
double slope_at(const NormShape& s, double y) { return y < 0 ? double(s.negative_slope) : 1; }

struct Inputs {
  std::vector<real> x, gamma, beta, g;

  explicit Inputs(const NormShape& s, real offset = 0)
      : x(random_reals(s.rows * s.channels, 31, offset - 1, offset + 1)),
        gamma(random_reals(s.channels, 32, real(0.5), 2)),
        beta(random_reals(s.channels, 33)),
        g(random_reals(s.rows * s.channels, 34)) {
    // Too near to where the activation bends either side is right: no cotangent there tells them apart.
    for (int64_t c = 0; c < s.channels && s.negative_slope != 1; ++c) {
      const Moments m(s, x.data(), c);
      for (int64_t i = c; i < s.rows * s.channels; i += s.channels)
        if (std::abs((double(x[i]) - m.mean) * m.rstd * double(gamma[c]) + double(beta[c])) < 1e-4) g[i] = 0;
    }
  }
};

/// The parts of a vector that holds one result after another.
struct Forward {
  const real *mean, *rstd, *y;
  Forward(const NormShape& s, const std::vector<real>& v)
      : mean(v.data()), rstd(mean + s.channels), y(rstd + s.channels) {}
};
struct Backward {
  const real *dgamma, *dbeta, *dx;
  Backward(const NormShape& s, const std::vector<real>& v)
      : dgamma(v.data()), dbeta(dgamma + s.channels), dx(dbeta + s.channels) {}
};

std::vector<real> batch_norm(const NormShape& s, const Inputs& in) {
  auto out = nan_filled((s.rows + 2) * s.channels);
  real* mean = out.data();
  kernels::batch_norm(cpu_stream, s, in.x.data(), in.gamma.data(), in.beta.data(), nullptr, mean, mean + s.channels,
                      mean + 2 * s.channels);
  return out;
}

std::vector<real> batch_norm_backward(const NormShape& s, const Inputs& in) {
  const auto forward = batch_norm(s, in);
  const Forward f(s, forward);
  auto out = nan_filled((s.rows + 2) * s.channels);
  real* dgamma = out.data();
  kernels::batch_norm_backward(cpu_stream, s, in.g.data(), in.x.data(), in.gamma.data(), in.beta.data(), f.mean, f.rstd,
                               nullptr, dgamma + 2 * s.channels, dgamma, dgamma + s.channels);
  return out;
}

/// `spread` is how many times the deviation the data lie from zero: y inherits that many roundings of the mean.
void expect_forward(const NormShape& s, const Inputs& in, const std::vector<real>& out, double spread = 1) {
  const Forward f(s, out);
  for (int64_t c = 0; c < s.channels; ++c) {
    const Moments m(s, in.x.data(), c);
    ASSERT_NEAR(f.mean[c], m.mean, 1e-6 * spread) << "mean of channel " << c;
    ASSERT_NEAR(f.rstd[c] / m.rstd, 1, 1e-5) << "rstd of channel " << c;
    // Near-constant channels amplify the rounding of the mean by rstd.
    const double tolerance = 1e-5 + 1e-6 * spread * std::abs(m.rstd);
    for (int64_t r = 0; r < s.rows; ++r) {
      const int64_t i = r * s.channels + c;
      const double y = (double(in.x[i]) - m.mean) * m.rstd * double(in.gamma[c]) + double(in.beta[c]);
      ASSERT_NEAR(f.y[i], slope_at(s, y) * y, tolerance) << "row " << r << " channel " << c;
    }
  }
}

void expect_backward(const NormShape& s, const Inputs& in, const std::vector<real>& out) {
  const Backward b(s, out);
  const double rows = double(s.rows);
  for (int64_t c = 0; c < s.channels; ++c) {
    const Moments m(s, in.x.data(), c);
    const auto xhat = [&](int64_t i) { return (double(in.x[i]) - m.mean) * m.rstd; };
    const auto cotangent = [&](int64_t i) {
      return double(in.g[i]) * slope_at(s, xhat(i) * double(in.gamma[c]) + double(in.beta[c]));
    };
    double dbeta = 0, dgamma = 0;
    for (int64_t r = 0; r < s.rows; ++r) {
      const int64_t i = r * s.channels + c;
      dbeta += cotangent(i);
      dgamma += cotangent(i) * xhat(i);
    }
    ASSERT_NEAR(b.dbeta[c], dbeta, 1e-6 * rows) << "channel " << c;
    ASSERT_NEAR(b.dgamma[c], dgamma, 4e-6 * rows) << "channel " << c;
    for (int64_t r = 0; r < s.rows; ++r) {
      const int64_t i = r * s.channels + c;
      const double dx = double(in.gamma[c]) * m.rstd * (cotangent(i) - (dbeta + xhat(i) * dgamma) / rows);
      ASSERT_NEAR(b.dx[i], dx, 2e-5 * m.rstd) << "row " << r << " channel " << c;
    }
  }
}

void expect_both_everywhere(const NormShape& s) {
  const Inputs in(s);
  on_every_isa([&] { return batch_norm(s, in); }, [&](const std::vector<real>& out) { expect_forward(s, in, out); });
  on_every_isa([&] { return batch_norm_backward(s, in); },
               [&](const std::vector<real>& out) { expect_backward(s, in, out); });
}

class BatchNorm : public testing::TestWithParam<NormShape> {};

TEST_P(BatchNorm, MatchesDouble) { expect_both_everywhere(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Shapes, BatchNorm,
                         testing::Values(NormShape{2, 1, epsilon}, NormShape{15, 1, epsilon},
                                         NormShape{1000003, 1, epsilon}, NormShape{2, 3, epsilon},
                                         NormShape{100001, 3, epsilon}, NormShape{1000, 15, epsilon},
                                         NormShape{1000, 16, epsilon}, NormShape{999, 17, epsilon},
                                         NormShape{64, 64, epsilon}, NormShape{16385, 64, epsilon},
                                         NormShape{2, 512, epsilon}, NormShape{2049, 512, epsilon},
                                         NormShape{70, 1000, epsilon}, NormShape{3, 10007, epsilon}));
INSTANTIATE_TEST_SUITE_P(WithActivation, BatchNorm,
                         testing::Values(NormShape{15, 1, epsilon, leaky}, NormShape{100001, 3, epsilon, leaky},
                                         NormShape{999, 17, epsilon, leaky}, NormShape{2049, 512, epsilon, leaky},
                                         NormShape{15, 1, epsilon, 0}, NormShape{1000, 15, epsilon, 0},
                                         NormShape{16385, 64, epsilon, 0}));

RC_GTEST_PROP(BatchNormProperty, MatchesDouble, ()) {
  expect_both_everywhere({*rc::gen::inRange<int64_t>(2, 300), *rc::gen::inRange<int64_t>(1, 40), epsilon,
                          *rc::gen::element(real(1), leaky, real(0))});
  RC_ASSERT(!testing::Test::HasFailure());
}

TEST(BatchNormForward, FarFromZero) {
  // Squares about zero would lose every digit of this variance.
  for (const int64_t channels : {1, 3, 64}) {
    const NormShape s{20000, channels, epsilon};
    const Inputs in(s, 1000);
    on_every_isa([&] { return batch_norm(s, in); },
                 [&](const std::vector<real>& out) { expect_forward(s, in, out, 1000); });
  }
}

TEST(BatchNormForward, OneRowHasNoVariance) {
  for (const int64_t channels : {1, 3, 64, 300}) {
    const NormShape s{1, channels, epsilon};
    const Inputs in(s);
    on_every_isa([&] { return batch_norm(s, in); },
                 [&](const std::vector<real>& out) {
                   const Forward f(s, out);
                   for (int64_t c = 0; c < channels; ++c) {
                     EXPECT_EQ(f.mean[c], in.x[c]);
                     EXPECT_EQ(f.rstd[c], real(1 / std::sqrt(double(epsilon))));
                     EXPECT_EQ(f.y[c], in.beta[c]);
                   }
                 });
  }
}

TEST(BatchNormForward, AConstantChannelHasNoVariance) {
  const NormShape s{100000, 2, epsilon};
  Inputs in(s);
  in.x.assign(in.x.size(), real(0.1));
  on_every_isa([&] { return batch_norm(s, in); },
               [&](const std::vector<real>& out) {
                 for (int c = 0; c < 2; ++c) EXPECT_NEAR(Forward(s, out).rstd[c] * std::sqrt(double(epsilon)), 1, 1e-6);
               });
}

TEST(BatchNormForward, ANanSpoilsItsChannelAndNoOther) {
  for (const int64_t channels : {3, 20}) {
    const NormShape s{5000, channels, epsilon, channels == 3 ? real(0) : real(1)};
    Inputs in(s);
    in.x[size_t(4321 * channels + 1)] = std::numeric_limits<real>::quiet_NaN();
    const auto expect_only_channel_one = [&](const std::vector<real>& out) {
      for (size_t i = 0; i < out.size(); ++i) ASSERT_EQ(std::isnan(out[i]), int64_t(i) % channels == 1) << i;
    };
    on_every_isa([&] { return batch_norm(s, in); }, expect_only_channel_one);
  }
}

TEST(BatchNormBackward, ANanCotangentSpoilsItsChannelAndNoOther) {
  for (const int64_t channels : {3, 20}) {
    const NormShape s{5000, channels, epsilon};
    Inputs in(s);
    in.g[size_t(17 * channels + 1)] = std::numeric_limits<real>::quiet_NaN();
    on_every_isa([&] { return batch_norm_backward(s, in); },
                 [&](const std::vector<real>& out) {
                   for (size_t i = 0; i < out.size(); ++i)
                     ASSERT_EQ(std::isnan(out[i]), int64_t(i) % channels == 1) << i;
                 });
  }
}

/// sum g * f(batch_norm(x; gamma, beta)) with the activation f, in double.
double loss(const NormShape& s, const std::vector<double>& x, const std::vector<double>& gamma,
            const std::vector<double>& beta, const std::vector<real>& g) {
  double total = 0;
  for (int64_t c = 0; c < s.channels; ++c) {
    const Moments m(s, x.data(), c);
    for (int64_t i = c; i < s.rows * s.channels; i += s.channels) {
      const double y = (x[i] - m.mean) * m.rstd * gamma[c] + beta[c];
      total += double(g[i]) * slope_at(s, y) * y;
    }
  }
  return total;
}

TEST(BatchNormBackward, MatchesCentralDifferences) {
  for (const NormShape s :
       {NormShape{2, 1, epsilon}, NormShape{9, 3, epsilon}, NormShape{40, 5, epsilon}, NormShape{33, 20, epsilon},
        NormShape{5, 4, real(0.5)}, NormShape{9, 3, epsilon, leaky}, NormShape{33, 20, epsilon, 0}}) {
    const Inputs in(s);
    const auto widen = [](const std::vector<real>& v) { return std::vector<double>(v.begin(), v.end()); };
    auto x = widen(in.x), gamma = widen(in.gamma), beta = widen(in.beta);
    const auto difference = [&](double& variable) {
      const double h = 1e-5, at = variable;
      variable = at + h;
      const double above = loss(s, x, gamma, beta, in.g);
      variable = at - h;
      const double below = loss(s, x, gamma, beta, in.g);
      variable = at;
      return (above - below) / (2 * h);
    };
    std::vector<double> expected;
    for (auto* inputs : {&gamma, &beta, &x})
      for (double& variable : *inputs) expected.push_back(difference(variable));
    on_every_isa([&] { return batch_norm_backward(s, in); },
                 [&](const std::vector<real>& out) {
                   for (size_t i = 0; i < out.size(); ++i)
                     ASSERT_NEAR(out[i], expected[i], 1e-4 * (1 + std::abs(expected[i]))) << i;
                 });
  }
}

}  // namespace
}  // namespace erg::test
