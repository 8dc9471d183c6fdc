#include "init.h"

#include <Eigen/Dense>
#include <cmath>

#include "ops.h"

namespace erg::init {

namespace {
Init uniform_within(std::function<real(int64_t fan_in, int64_t fan_out)> bound) {
  return [bound](const Shape& shape, int64_t fan_in, int64_t fan_out, Noise& noise) {
    const real b = bound(fan_in, fan_out);
    return noise.uniform(shape, -b, b);
  };
}
}  // namespace

Init fan_in_uniform() {
  return uniform_within([](int64_t fan_in, int64_t) { return 1 / std::sqrt(real(fan_in)); });
}

Init he_uniform() {
  return uniform_within([](int64_t fan_in, int64_t) { return std::sqrt(real(6) / real(fan_in)); });
}

Init glorot_uniform(real gain) {
  return uniform_within(
      [gain](int64_t fan_in, int64_t fan_out) { return gain * std::sqrt(real(6) / real(fan_in + fan_out)); });
}

Init normal(real deviation, real mean) {
  return
      [=](const Shape& shape, int64_t, int64_t, Noise& noise) { return affine(noise.normal(shape), deviation, mean); };
}

Init constant(real value) {
  return [=](const Shape& shape, int64_t, int64_t, Noise& noise) { return Tensor::full(shape, value, noise.device()); };
}

Init orthogonal(real gain) {
  return [gain](const Shape& shape, int64_t, int64_t, Noise& noise) {
    using Matrix = Eigen::Matrix<real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const int64_t columns = shape.back(), rows = shape.size() / columns;
    const std::vector<real> values = noise.normal({rows, columns}).to_host();
    Matrix a = Eigen::Map<const Matrix>(values.data(), rows, columns);
    if (rows < columns) a.transposeInPlace();
    const Eigen::HouseholderQR<Matrix> qr(a);
    Matrix q = qr.householderQ() * Matrix::Identity(a.rows(), a.cols());
    // With R's diagonal made positive, Q is uniform over the orthonormal frames (Mezzadri 2007).
    for (Eigen::Index j = 0; j < q.cols(); ++j)
      if (qr.matrixQR()(j, j) < 0) q.col(j) *= -1;
    if (rows < columns) q.transposeInPlace();
    q *= gain;
    return Tensor::from_host(shape, {q.data(), size_t(q.size())}, noise.device());
  };
}

}  // namespace erg::init
