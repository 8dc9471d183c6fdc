#include "frechet.h"

#include <Eigen/Dense>
#include <stdexcept>
#include <string>

#include "features.h"

namespace erg::tools {

namespace {

using Matrix = Eigen::MatrixXd;
using Features = Eigen::Matrix<real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::Map<const Eigen::VectorXd> vector_of(const std::vector<double>& v) { return {v.data(), Eigen::Index(v.size())}; }

/// Symmetric, so that row-major and column-major are the same.
Eigen::Map<const Matrix> matrix_of(const Moments& m) {
  const auto d = Eigen::Index(m.mean.size());
  return {m.covariance.data(), d, d};
}

/// The root of a covariance. Features that never move give eigenvalues that rounding may put below zero.
Matrix root_of(const Moments& m) {
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(matrix_of(m));
  const Matrix& v = eigen.eigenvectors();
  return v * eigen.eigenvalues().cwiseMax(0).cwiseSqrt().asDiagonal() * v.transpose();
}

}  // namespace

Moments moments(const Tensor& features) {
  check_features("moments", features, 2);
  const int64_t n = features.dim(0), d = features.dim(1);
  if (n <= d)
    throw std::invalid_argument("[moments] " + std::to_string(n) + " samples of " + std::to_string(d) +
                                " features: the covariance needs more samples than features");
  const std::vector<real> values = features.to_host();
  const Eigen::Map<const Features> x(values.data(), n, d);
  Eigen::VectorXd mean = Eigen::VectorXd::Zero(d);
  for (int64_t i = 0; i < n; ++i) mean += x.row(i).transpose().cast<double>();
  mean /= double(n);

  Matrix scatter = Matrix::Zero(d, d);
  for (int64_t i = 0; i < n; i += 1024) {  // in blocks, so that the doubles take little memory
    const int64_t rows = std::min<int64_t>(1024, n - i);
    const Matrix centred = x.middleRows(i, rows).cast<double>().rowwise() - mean.transpose();
    scatter.selfadjointView<Eigen::Lower>().rankUpdate(centred.transpose());
  }
  const Matrix covariance = Matrix(scatter.selfadjointView<Eigen::Lower>()) / double(n - 1);
  return {{mean.begin(), mean.end()}, {covariance.data(), covariance.data() + d * d}};
}

double frechet_distance(const Moments& a, const Moments& b) {
  if (a.mean.size() != b.mean.size())
    throw std::invalid_argument("[frechet_distance] moments of " + std::to_string(a.mean.size()) + " and " +
                                std::to_string(b.mean.size()) + " features");
  Eigen::setNbThreads(1);  // the same bits for any number of threads
  const Matrix root = root_of(a);
  const Matrix product = root * matrix_of(b) * root;
  const Eigen::VectorXd squares =
      Eigen::SelfAdjointEigenSolver<Matrix>((product + product.transpose()) / 2, Eigen::EigenvaluesOnly).eigenvalues();
  return (vector_of(a.mean) - vector_of(b.mean)).squaredNorm() + matrix_of(a).trace() + matrix_of(b).trace() -
         2 * squares.cwiseMax(0).cwiseSqrt().sum();
}

}  // namespace erg::tools
