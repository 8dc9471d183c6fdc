// Six posteriors as energies: how to sample a model of one's own. Each is a function that takes the data and returns a
// Posterior, whose energy is -log p in recorded operations; the density p stands above the function.
//
// Samplers move in R^d. A parameter that lives elsewhere is written as a smooth function of x (exp for a scale, sigmoid
// for a proportion, a difference's exp for an order), and the energy gains minus the logarithm of that map's Jacobian.
// Samplers here have one step size for all dimensions, so each x is also scaled to be of order one; that changes the
// constant in the energy and nothing else. Constants are dropped throughout. N(m, s) has standard deviation s.
//
// Data and reference draws are those of posteriordb (Magnusson et al. 2025, "posteriordb: Testing, Benchmarking and
// Developing Bayesian Inference Algorithms"), read from $ERG_DATA/posteriordb.
#pragma once

#include <Eigen/Dense>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/energy.h"
#include "engine/ops.h"

namespace erg::test {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

// ---- Files

/// $ERG_DATA/posteriordb, or an empty path where there is no such folder.
inline std::filesystem::path posterior_folder() {
  const char* data = std::getenv("ERG_DATA");
  const std::filesystem::path folder = data ? std::filesystem::path(data) / "posteriordb" : std::filesystem::path();
  return std::filesystem::is_directory(folder) ? folder : std::filesystem::path();
}

inline std::ifstream open_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open " + path.string());
  return file;
}

/// The arrays of NAME.data.txt, one a line: name, rank, extents, values in row-major order.
class Data {
 public:
  explicit Data(const std::filesystem::path& path) : path_(path.string()) {
    std::ifstream file = open_file(path);
    for (std::string line, name; std::getline(file, line);) {
      std::istringstream words(line);
      int rank = 0;
      words >> name >> rank;
      Array array{.extents = std::vector<int64_t>(size_t(rank)), .values = {}};
      int64_t size = 1;
      for (int64_t& extent : array.extents) words >> extent, size *= extent;
      array.values.resize(size_t(size));
      for (double& value : array.values) words >> value;
      if (!words) throw std::runtime_error(path_ + ": the line of '" + name + "' ends early");
      arrays_[name] = array;
    }
  }

  double number(const std::string& name) const { return get(name, 0).values[0]; }
  Vector vector(const std::string& name) const {
    const Array& array = get(name, 1);
    return Eigen::Map<const Vector>(array.values.data(), array.extents[0]);
  }
  Matrix matrix(const std::string& name) const {
    using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Array& array = get(name, 2);
    return Eigen::Map<const RowMajor>(array.values.data(), array.extents[0], array.extents[1]);
  }

 private:
  struct Array {
    std::vector<int64_t> extents;
    std::vector<double> values;
  };
  const Array& get(const std::string& name, size_t rank) const {
    const auto found = arrays_.find(name);
    if (found == arrays_.end() || found->second.extents.size() != rank)
      throw std::runtime_error(path_ + ": wants an array '" + name + "' of rank " + std::to_string(rank));
    return found->second;
  }

  std::string path_;
  std::map<std::string, Array> arrays_;
};

// ---- What the energies are made of

/// A posterior as samplers see it.
struct Posterior {
  int64_t dimension;                                  // d
  Energy energy;                                      // x [B,d] -> [B]
  std::function<Tensor(const Tensor& x)> parameters;  // x [B,d] -> [B,d], in the order of the reference
};

/// Columns [begin, end) of x [B,d], and column i as [B,1].
inline Tensor columns(const Tensor& x, int64_t begin, int64_t end) { return slice(x, 1, begin, end); }
inline Tensor column(const Tensor& x, int64_t i) { return columns(x, i, i + 1); }

/// A vector as [n], a matrix as [m,n].
inline Tensor to_tensor(const Vector& v) {
  return Tensor::from_host({v.size()}, std::vector<real>(v.begin(), v.end()));
}
inline Tensor to_tensor(const Matrix& m) {
  const Matrix transposed = m.transpose();  // Eigen stores columns
  return to_tensor(Vector(transposed.reshaped())).with_shape({m.rows(), m.cols()});
}

/// x [B,d] in units of `width` around `centre`: the posterior's rough place and extent, so that x is of order one.
struct Scaling {
  Scaling(const std::vector<real>& centre, const std::vector<real>& width)
      : centre(Tensor::from_host({int64_t(centre.size())}, centre)),
        width(Tensor::from_host({int64_t(width.size())}, width)) {}
  Tensor operator()(const Tensor& x) const { return centre + width * x; }
  Tensor centre, width;  // [d]
};

/// Terms of an energy, [B]: what rows of x [B,n] contribute.
namespace minus_log {

// Of the densities of independent N(0, scale), whole or half; HalfCauchy(scale), Gamma(shape, rate), Beta(a, a).
inline Tensor normal(const Tensor& x, real scale) { return sum_per_sample(square(x / scale)) / 2; }
inline Tensor half_cauchy(const Tensor& x, real scale) { return sum_per_sample(log1p(square(x / scale))); }
inline Tensor gamma(const Tensor& x, real shape, real rate) { return sum_per_sample(rate * x - (shape - 1) * log(x)); }
inline Tensor beta(const Tensor& x, real a) { return (1 - a) * sum_per_sample(log(x * (1 - x))); }

// Of the Jacobian dy/dx of y = exp(x) and of y = sigmoid(x).
inline Tensor exp_jacobian(const Tensor& x) { return -sum_per_sample(x); }
inline Tensor sigmoid_jacobian(const Tensor& x) { return sum_per_sample(softplus(x) + softplus(-x)); }

}  // namespace minus_log

// ---- Eight schools

/// mu ~ N(0, 5), tau ~ HalfCauchy(5), theta_i ~ N(mu, tau), y_i ~ N(theta_i, sigma_i), in non-centred coordinates:
/// x = (z, mu / 5, log tau) with theta = mu + tau z, so that z ~ N(0, 1) whatever tau is.
inline Posterior eight_schools(const Data& data) {
  const Tensor y = to_tensor(data.vector("y")), sigma = to_tensor(data.vector("sigma"));
  const auto parameters = [](const Tensor& x) {
    const Tensor z = columns(x, 0, 8), mu = 5 * column(x, 8), tau = exp(column(x, 9));
    return concat({mu + tau * z, mu, tau}, 1);
  };
  const auto energy = [=](const Tensor& x) {
    const Tensor p = parameters(x), theta = columns(p, 0, 8), mu = column(p, 8), tau = column(p, 9);
    const Tensor likelihood = minus_log::normal((y - theta) / sigma, 1);
    const Tensor prior =
        minus_log::normal(columns(x, 0, 8), 1) + minus_log::normal(mu, 5) + minus_log::half_cauchy(tau, 5);
    return likelihood + prior + minus_log::exp_jacobian(column(x, 9));
  };
  return {10, energy, parameters};
}

// ---- A mixture of two normal laws

/// mu_1 < mu_2 ~ N(0, 2), sigma_1, sigma_2 ~ HalfN(2), theta ~ Beta(5, 5), y_i ~ theta N(mu_1, sigma_1) + (1 - theta)
/// N(mu_2, sigma_2). x scales (mu_1, log(mu_2 - mu_1), log sigma_1, log sigma_2, logit theta).
inline Posterior gaussian_mixture(const Data& data) {
  const Tensor y = to_tensor(data.vector("y"));
  const Scaling scaled({-2.73, 1.72, 0.03, 0.02, 0.5}, {0.042, 0.012, 0.03, 0.04, 0.066});
  const auto parameters = [=](const Tensor& x) {
    const Tensor u = scaled(x), lower = column(u, 0), upper = lower + exp(column(u, 1));
    return concat({lower, upper, exp(columns(u, 2, 4)), sigmoid(column(u, 4))}, 1);
  };
  const auto energy = [=](const Tensor& x) {
    const Tensor p = parameters(x), mu = columns(p, 0, 2), sigma = columns(p, 2, 4), theta = column(p, 4);
    const auto log_normal = [&](int64_t i) {
      return -square((y - column(mu, i)) / column(sigma, i)) / 2 - log(column(sigma, i));
    };
    const Tensor first = log(theta) + log_normal(0), second = log(1 - theta) + log_normal(1);
    const Tensor likelihood = -sum_per_sample(first + softplus(second - first));  // log(e^a + e^b) = a + softplus(b-a)
    const Tensor prior = minus_log::normal(mu, 2) + minus_log::normal(sigma, 2) + minus_log::beta(theta, 5);
    const Tensor u = scaled(x);
    return likelihood + prior + minus_log::exp_jacobian(columns(u, 1, 4)) + minus_log::sigmoid_jacobian(column(u, 4));
  };
  return {5, energy, parameters};
}

// ---- Linear regression

/// y ~ N(X beta, sigma) with X [n,k], in coordinates in which the likelihood is round: with X = Q R, the least-squares
/// estimate b and the residuals' standard deviation s,
///   x = (z, w):  beta = b + s R^-1 z,  sigma = s exp(w / sqrt(2n)),  (y - X beta) / s = (y - X b) / s - Q z.
/// `prior` is the -log density of beta [B,k] and sigma [B,1].
inline Posterior regression(const Matrix& design, const Vector& y,
                            const std::function<Tensor(const Tensor& beta, const Tensor& sigma)>& prior) {
  const int64_t n = design.rows(), k = design.cols();
  const Eigen::HouseholderQR<Matrix> qr(design);
  const Vector estimate = qr.solve(y), residual = y - design * estimate;
  const double s = std::sqrt(residual.squaredNorm() / double(n));
  const Matrix r = qr.matrixQR().topRows(k).triangularView<Eigen::Upper>();

  const Tensor q = to_tensor(Matrix(qr.householderQ() * Matrix::Identity(n, k)));
  const Tensor b = to_tensor(estimate), spread = to_tensor(Matrix(s * r.inverse()));
  const Tensor standard_residual = to_tensor(Vector(residual / s));
  const auto log_ratio = [=](const Tensor& x) { return column(x, k) / std::sqrt(real(2 * n)); };  // log(sigma / s)
  const auto parameters = [=](const Tensor& x) {
    return concat({b + matmul(columns(x, 0, k), spread, false, true), real(s) * exp(log_ratio(x))}, 1);
  };
  const auto energy = [=](const Tensor& x) {
    const Tensor z = columns(x, 0, k), w = log_ratio(x), p = parameters(x);
    const Tensor errors = (standard_residual - matmul(z, q, false, true)) * exp(-w);
    const Tensor likelihood = minus_log::normal(errors, 1) + real(n) * sum_per_sample(w);
    return likelihood + prior(columns(p, 0, k), column(p, k)) + minus_log::exp_jacobian(w);
  };
  return {k + 1, energy, parameters};
}

/// beta flat, sigma ~ HalfCauchy(2.5), kid_score_i ~ N(beta_1 + beta_2 mom_iq_i, sigma).
inline Posterior kid_score(const Data& data) {
  const Vector iq = data.vector("mom_iq");
  Matrix design(iq.size(), 2);
  design << Vector::Ones(iq.size()), iq;
  return regression(design, data.vector("kid_score"),
                    [](const Tensor&, const Tensor& sigma) { return minus_log::half_cauchy(sigma, 2.5); });
}

/// beta ~ N(0, 10), sigma ~ HalfN(10), y ~ N(X beta, sigma).
inline Posterior linear_regression(const Data& data) {
  return regression(data.matrix("X"), data.vector("y"), [](const Tensor& beta, const Tensor& sigma) {
    return minus_log::normal(beta, 10) + minus_log::normal(sigma, 10);
  });
}

// ---- A volatility model

/// h_t = c_t + beta h_{t-1} with h_0 = 0 for all t at once: c [B,T], beta [B,1] -> h [B,T]. Each pass doubles the
/// number of terms that h_t = c_t + beta c_{t-1} + beta^2 c_{t-2} + ... has (Hillis & Steele 1986).
inline Tensor linear_recursion(const Tensor& c, const Tensor& beta) {
  const int64_t times = c.dim(1);
  Tensor h = c, power = beta;
  for (int64_t terms = 1; terms < times; terms *= 2) {
    h = h + power * place(columns(h, 0, times - terms), 1, terms, times);
    power = square(power);
  }
  return h;
}

/// mu flat, alpha_0 > 0 flat, alpha_1 in (0, 1) flat, beta_1 in (0, 1 - alpha_1) flat, y_t ~ N(mu, s_t) with
/// s_1 = sigma1 and s_t^2 = alpha_0 + alpha_1 (y_{t-1} - mu)^2 + beta_1 s_{t-1}^2: GARCH(1,1) (Bollerslev 1986).
/// x scales (mu, log alpha_0, logit alpha_1, logit(beta_1 / (1 - alpha_1))).
inline Posterior garch(const Data& data) {
  const Tensor y = to_tensor(data.vector("y"));
  const real first_variance = real(std::pow(data.number("sigma1"), 2));
  const Scaling scaled({5.05, 0.3, 0.3, 1}, {0.125, 0.4, 0.55, 1.2});
  const auto parameters = [=](const Tensor& x) {
    const Tensor u = scaled(x), alpha_1 = sigmoid(column(u, 2)), share = sigmoid(column(u, 3));
    return concat({column(u, 0), exp(column(u, 1)), alpha_1, (1 - alpha_1) * share}, 1);
  };
  const auto energy = [=](const Tensor& x) {
    const Tensor p = parameters(x), alpha_0 = column(p, 1), alpha_1 = column(p, 2), beta_1 = column(p, 3);
    const Tensor squares = square(y - column(p, 0));
    const Tensor driven = alpha_0 + alpha_1 * columns(squares, 0, squares.dim(1) - 1);
    const Tensor variance = linear_recursion(concat({Tensor::full({x.dim(0), 1}, first_variance), driven}, 1), beta_1);
    const Tensor likelihood = sum_per_sample(log(variance) + squares / variance) / 2;
    const Tensor u = scaled(x), stretch = sum_per_sample(log(1 - alpha_1));  // of share to beta_1
    return likelihood + minus_log::exp_jacobian(column(u, 1)) + minus_log::sigmoid_jacobian(columns(u, 2, 4)) - stretch;
  };
  return {4, energy, parameters};
}

// ---- A Gaussian process

/// -log N(y; 0, K), [B], for covariances K [B,n,n] and y [n], by elimination on the bordered matrix [[K, y], [y', 0]]:
/// the product of its pivots is det K, and -y' K^-1 y is what remains in its corner.
inline Tensor normal_with_covariance(const Tensor& y, const Tensor& covariance) {
  const int64_t rows = covariance.dim(0), n = y.size();
  const Tensor right = broadcast_to(reshape(y, {1, n, 1}), {rows, n, 1}), corner = Tensor::zeros({rows, 1, 1});
  const Tensor below = concat({permute(right, {0, 2, 1}), corner}, 2);
  Tensor matrix = concat({concat({covariance, right}, 2), below}, 1);
  Tensor log_determinant = corner;
  for (int64_t size = n + 1; size > 1; --size) {
    const Tensor top = slice(matrix, 1, 0, 1), rest = slice(matrix, 1, 1, size);
    const Tensor pivot = slice(top, 2, 0, 1), factors = slice(rest, 2, 0, 1) / pivot;
    log_determinant = log_determinant + log(pivot);
    matrix = slice(rest, 2, 1, size) - factors * slice(top, 2, 1, size);
  }
  return sum_per_sample(log_determinant - matrix) / 2;
}

/// rho ~ Gamma(25, 4), alpha ~ HalfN(2), sigma ~ HalfN(1), y ~ N(0, K), K_ij = alpha^2 exp(-(t_i - t_j)^2 / (2 rho^2))
/// + sigma [i = j]; here sigma is a variance. x scales (log rho, log alpha, log sigma).
inline Posterior gaussian_process(const Data& data) {
  const Vector times = data.vector("x");
  const int64_t n = times.size();
  const Matrix differences = times.replicate(1, n) - times.transpose().replicate(n, 1);
  const Tensor y = to_tensor(data.vector("y")), identity = to_tensor(Matrix(Matrix::Identity(n, n)));
  const Tensor squared_distance = to_tensor(Matrix(differences.array().square()));
  const Scaling scaled({1.9, 0.85, 0.55}, {0.19, 0.31, 0.28});
  const auto parameters = [=](const Tensor& x) { return exp(scaled(x)); };
  const auto energy = [=](const Tensor& x) {
    const Tensor p = parameters(x), rho = column(p, 0), alpha = column(p, 1), sigma = column(p, 2);
    const auto each = [&](const Tensor& t) { return reshape(t, {x.dim(0), 1, 1}); };
    const Tensor covariance =
        each(square(alpha)) * exp(-squared_distance / each(2 * square(rho))) + each(sigma) * identity;
    const Tensor prior = minus_log::gamma(rho, 25, 4) + minus_log::normal(alpha, 2) + minus_log::normal(sigma, 1);
    return normal_with_covariance(y, covariance) + prior + minus_log::exp_jacobian(scaled(x));
  };
  return {3, energy, parameters};
}

// ---- All of them

struct NamedPosterior {
  const char* name;  // for people
  const char* file;  // before .data.txt, .draws.f64 and .ref.tsv
  Posterior (*make)(const Data&);
};
inline void PrintTo(const NamedPosterior& posterior, std::ostream* out) { *out << posterior.name; }

inline constexpr NamedPosterior posteriors[] = {
    {"eight_schools", "eight_schools-eight_schools_noncentered", eight_schools},
    {"gaussian_mixture", "low_dim_gauss_mix-low_dim_gauss_mix", gaussian_mixture},
    {"kid_score", "kidiq-kidscore_momiq", kid_score},
    {"linear_regression", "sblrc-blr", linear_regression},
    {"garch", "garch-garch11", garch},
    {"gaussian_process", "gp_pois_regr-gp_regr", gaussian_process},
};

}  // namespace erg::test
