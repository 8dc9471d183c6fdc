// The energies of posteriors.h, in double, against their densities written plainly: p(parameters) as loops over
// numbers, and the Jacobian of the map from x to the parameters by differences.
#include <gtest/gtest.h>

#include <numbers>

#include "differences.h"
#include "engine/random.h"
#include "posteriors.h"

namespace erg::test {
namespace {

/// log p(parameters) up to a constant.
using LogDensity = double (*)(const Data&, const Vector& parameters);

double log_normal(double x, double mean, double sd) {
  return -(x - mean) * (x - mean) / (2 * sd * sd) - std::log(sd * std::sqrt(2 * std::numbers::pi));
}
double log_half_cauchy(double x, double scale) { return -std::log(1 + x * x / (scale * scale)); }

double eight_schools_density(const Data& data, const Vector& p) {
  const Vector y = data.vector("y"), sigma = data.vector("sigma");
  const double mu = p[8], tau = p[9];
  double sum = log_normal(mu, 0, 5) + log_half_cauchy(tau, 5);
  for (int i = 0; i < 8; ++i) sum += log_normal(p[i], mu, tau) + log_normal(y[i], p[i], sigma[i]);
  return sum;
}

double gaussian_mixture_density(const Data& data, const Vector& p) {
  const double theta = p[4];
  double sum = 4 * std::log(theta) + 4 * std::log(1 - theta);
  for (int i = 0; i < 2; ++i) sum += log_normal(p[i], 0, 2) + log_normal(p[2 + i], 0, 2);
  for (const double y : data.vector("y"))
    sum += std::log(theta * std::exp(log_normal(y, p[0], p[2])) + (1 - theta) * std::exp(log_normal(y, p[1], p[3])));
  return sum;
}

double kid_score_density(const Data& data, const Vector& p) {
  const Vector score = data.vector("kid_score"), iq = data.vector("mom_iq");
  double sum = log_half_cauchy(p[2], 2.5);
  for (int i = 0; i < score.size(); ++i) sum += log_normal(score[i], p[0] + p[1] * iq[i], p[2]);
  return sum;
}

double linear_regression_density(const Data& data, const Vector& p) {
  const Matrix design = data.matrix("X");
  const Vector y = data.vector("y"), mean = design * p.head(5);
  double sum = log_normal(p[5], 0, 10);
  for (int i = 0; i < 5; ++i) sum += log_normal(p[i], 0, 10);
  for (int i = 0; i < y.size(); ++i) sum += log_normal(y[i], mean[i], p[5]);
  return sum;
}

double garch_density(const Data& data, const Vector& p) {
  const Vector y = data.vector("y");
  double sd = data.number("sigma1"), sum = log_normal(y[0], p[0], sd);
  for (int t = 1; t < y.size(); ++t) {
    sd = std::sqrt(p[1] + p[2] * std::pow(y[t - 1] - p[0], 2) + p[3] * sd * sd);
    sum += log_normal(y[t], p[0], sd);
  }
  return sum;
}

double gaussian_process_density(const Data& data, const Vector& p) {
  const Vector times = data.vector("x"), y = data.vector("y");
  const double rho = p[0], alpha = p[1], sigma = p[2];
  Matrix covariance(times.size(), times.size());
  for (int i = 0; i < times.size(); ++i)
    for (int j = 0; j < times.size(); ++j)
      covariance(i, j) =
          alpha * alpha * std::exp(-std::pow(times[i] - times[j], 2) / (2 * rho * rho)) + (i == j ? sigma : 0);
  return -std::log(covariance.determinant()) / 2 - y.dot(covariance.inverse() * y) / 2 +  //
         24 * std::log(rho) - 4 * rho + log_normal(alpha, 0, 2) + log_normal(sigma, 0, 1);
}

constexpr LogDensity densities[] = {eight_schools_density, gaussian_mixture_density,
                                    kid_score_density,     linear_regression_density,
                                    garch_density,         gaussian_process_density};

// ---- The comparison

Vector parameters_at(const Posterior& posterior, const Vector& x) {
  const auto p = posterior.parameters(to_tensor(x).with_shape({1, x.size()})).to_host();
  return Eigen::Map<const Vector>(p.data(), int64_t(p.size()));
}

/// (f(x + h e_i) - f(x - h e_i)) / 2h, one i a column.
template <class F>
Matrix derivatives(const F& f, Vector x, double h) {
  Matrix result;
  for (int64_t i = 0; i < x.size(); ++i) {
    const Vector step = h * Vector::Unit(x.size(), i), column = (f(x + step) - f(x - step)) / (2 * h);
    if (i == 0) result.resize(column.size(), x.size());
    result.col(i) = column;
  }
  return result;
}

/// log p(x) = log p(parameters) + log |d parameters / dx|.
double log_density_at(const Posterior& posterior, LogDensity density, const Data& data, const Vector& x) {
  const auto parameters = [&](const Vector& at) { return parameters_at(posterior, at); };
  return density(data, parameters(x)) + std::log(std::abs(derivatives(parameters, x, 1e-4).determinant()));
}

class PosteriorEnergy : public testing::TestWithParam<size_t> {};

TEST_P(PosteriorEnergy, IsMinusTheLogarithmOfItsDensity) {
  const std::filesystem::path folder = posterior_folder();
  if (folder.empty()) GTEST_SKIP() << "needs the data of posteriordb in $ERG_DATA/posteriordb";
  const NamedPosterior& named = posteriors[GetParam()];
  const Data data((folder / named.file).string() + ".data.txt");
  const Posterior posterior = named.make(data);
  const LogDensity density = densities[GetParam()];

  constexpr int64_t points = 4;
  const Tensor x = Noise(1, "test").normal({points, posterior.dimension});
  const EnergyAndGradient at = energy_and_gradient(posterior.energy, x);
  const auto states = x.to_host(), energies = at.energy.to_host(), gradients = at.gradient.to_host();
  double constant = 0;
  for (int64_t i = 0; i < points; ++i) {
    const int64_t begin = i * posterior.dimension, end = begin + posterior.dimension;
    const Vector state = Eigen::Map<const Vector>(states.data() + begin, posterior.dimension);
    const auto log_density = [&](const Vector& here) {
      return Vector::Constant(1, log_density_at(posterior, density, data, here));
    };
    const double sum = energies[size_t(i)] + log_density(state)[0];
    if (i == 0) constant = sum;
    EXPECT_NEAR(sum, constant, 1e-6 * (1 + std::abs(energies[size_t(i)]))) << "point " << i;
    const Matrix expected = -derivatives(log_density, state, 1e-3);
    expect_near({gradients.begin() + begin, gradients.begin() + end},
                {expected.data(), expected.data() + expected.size()}, 1e-5, "gradient at point " + std::to_string(i));
  }
}

INSTANTIATE_TEST_SUITE_P(Six, PosteriorEnergy, testing::Range(size_t(0), std::size(posteriors)),
                         [](const auto& info) { return posteriors[info.param].name; });

}  // namespace
}  // namespace erg::test
