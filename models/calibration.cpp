#include "calibration.h"

#include <Eigen/Dense>
#include <algorithm>
#include <limits>

namespace erg {

namespace {

double softplus_of(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }
double sigmoid_of(double x) { return std::exp(-softplus_of(-x)); }

std::vector<double> to_doubles(const Tensor& scores, const char* kind) {
  if (!scores || scores.rank() != 1 || scores.size() == 0)
    throw std::invalid_argument(std::string("[calibration] wants a list of scores of ") + kind + " samples, got " +
                                (scores ? to_string(scores.shape()) : "none"));
  const auto values = scores.to_host();
  for (size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      throw std::invalid_argument("[calibration] the score of " + std::string(kind) + " sample " + std::to_string(i) +
                                  " is " + std::to_string(values[i]) + "; expected finite numbers");
  return {values.begin(), values.end()};
}

/// Both kinds of scores on the host: t [n], of which the first `reals` are of real samples.
struct Evidence {
  Eigen::VectorXd t;
  Eigen::Index reals;

  explicit Evidence(const Scores& scores) {
    const std::vector<double> real = to_doubles(scores.real, "real"), fake = to_doubles(scores.fake, "fake");
    reals = Eigen::Index(real.size());
    t.resize(reals + Eigen::Index(fake.size()));
    std::copy(real.begin(), real.end(), t.begin());
    std::copy(fake.begin(), fake.end(), t.begin() + reals);
  }
  Eigen::Index fakes() const { return t.size() - reals; }
  /// What a classifier's logit has too much because the kinds are not as many: log R/F.
  double log_odds() const { return std::log(double(reals) / double(fakes())); }
};

using Weights = Eigen::VectorXd;

/// Cross entropy of the logits X w with the targets y.
double loss_of(const Eigen::MatrixXd& x, const Eigen::VectorXd& y, const Weights& w) {
  const Eigen::VectorXd d = x * w;
  return d.unaryExpr(&softplus_of).sum() - y.dot(d);
}

/// The weights w of X's columns by which sigmoid(X w) tells the first `reals` rows from the others: Newton's method on
/// the cross entropy, which is convex. The targets are Platt's, an almost-one and an almost-zero, by which w stays
/// finite where a critic separates the two kinds.
Weights logistic_regression(const Eigen::MatrixXd& x, Eigen::Index reals) {
  const Eigen::Index fakes = x.rows() - reals;
  Eigen::VectorXd y(x.rows());
  y << Eigen::VectorXd::Constant(reals, (double(reals) + 1) / (double(reals) + 2)),
      Eigen::VectorXd::Constant(fakes, 1 / (double(fakes) + 2));

  Weights w = Weights::Zero(x.cols());
  double loss = loss_of(x, y, w);
  for (int iteration = 0; iteration < 100; ++iteration) {
    const Eigen::VectorXd p = (x * w).unaryExpr(&sigmoid_of);
    const Weights gradient = x.transpose() * (p - y);
    Eigen::MatrixXd hessian = x.transpose() * p.cwiseProduct((1 - p.array()).matrix()).asDiagonal() * x;
    hessian.diagonal().array() += 1e-9 * hessian.trace() + 1e-12;  // Beta2's columns may be nearly parallel
    const Weights step = hessian.ldlt().solve(gradient);

    double size = 1;  // halved until the loss falls
    while (size > 1e-10 && !(loss_of(x, y, w - size * step) < loss)) size /= 2;
    const double lower = loss_of(x, y, w - size * step);
    if (!(lower < loss)) break;  // as low as doubles can tell
    w -= size * step;
    loss = lower;
  }
  return w;
}

/// The logit of D = 1 - 1e-14, the largest that an isotonic map gives.
const double sure = 14 * std::log(10.0);

/// The mean targets of equal scores, as one point: pooling must not part them.
struct Points {
  std::vector<double> t, mean, weight;

  explicit Points(const Evidence& evidence) {
    std::vector<Eigen::Index> order(size_t(evidence.t.size()));
    for (size_t i = 0; i < order.size(); ++i) order[i] = Eigen::Index(i);
    std::sort(order.begin(), order.end(), [&](auto a, auto b) { return evidence.t[a] < evidence.t[b]; });
    for (const Eigen::Index i : order) {
      if (t.empty() || evidence.t[i] > t.back()) t.push_back(evidence.t[i]), mean.push_back(0), weight.push_back(0);
      weight.back() += 1;
      mean.back() += ((i < evidence.reals ? 1 : 0) - mean.back()) / weight.back();
    }
  }
};

}  // namespace

Beta1 Beta1::fit(const Scores& scores) {
  const Evidence evidence(scores);
  Eigen::MatrixXd x(evidence.t.size(), 2);
  x << Eigen::VectorXd::Ones(evidence.t.size()), evidence.t;
  const Weights w = logistic_regression(x, evidence.reals);
  return {real(w[0] - evidence.log_odds()), real(w[1])};
}

Beta2 Beta2::fit(const Scores& scores) {
  const Evidence evidence(scores);
  Eigen::MatrixXd x(evidence.t.size(), 3);
  x << Eigen::VectorXd::Ones(evidence.t.size()), -(-evidence.t).unaryExpr(&softplus_of),
      -evidence.t.unaryExpr(&softplus_of);
  const Weights w = logistic_regression(x, evidence.reals);
  return {real(w[0] - evidence.log_odds()), real(w[1]), real(w[2])};
}

std::vector<double> pool_adjacent_violators(std::vector<double> values, std::vector<double> weights) {
  std::vector<size_t> lengths;  // of the blocks so far, whose values and weights are kept at the front
  size_t blocks = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    values[blocks] = values[i], weights[blocks] = weights[i];
    lengths.push_back(1);
    for (++blocks; blocks > 1 && values[blocks - 2] >= values[blocks - 1]; --blocks) {
      const double both = weights[blocks - 2] + weights[blocks - 1];
      values[blocks - 2] += (values[blocks - 1] - values[blocks - 2]) * weights[blocks - 1] / both;
      weights[blocks - 2] = both;
      lengths[blocks - 2] += lengths.back();
      lengths.pop_back();
    }
  }
  std::vector<double> fitted;
  for (size_t k = 0; k < blocks; ++k) fitted.insert(fitted.end(), lengths[k], values[k]);
  return fitted;
}

Isotonic Isotonic::fit(const Scores& scores) {
  const Evidence evidence(scores);
  const Points points(evidence);
  const std::vector<double> fitted = pool_adjacent_violators(points.mean, points.weight);
  const auto logit = [&](double p) {
    return std::clamp(std::log(p) - std::log1p(-p), -sure, sure) - evidence.log_odds();
  };
  std::vector<real> from, to, rise;
  for (size_t i = 1; i < fitted.size(); ++i)
    if (fitted[i] > fitted[i - 1]) {
      from.push_back(real(points.t[i - 1]));
      to.push_back(real(points.t[i]));
      rise.push_back(real(logit(fitted[i]) - logit(fitted[i - 1])));
    }
  if (from.empty()) from = {0}, to = {1}, rise = {0};  // one block
  const auto row = [&](const std::vector<real>& values) {
    return Tensor::from_host({1, int64_t(values.size())}, values, scores.real.device());
  };
  return {real(logit(fitted.front())), row(from), row(to), row(rise)};
}

Tensor Isotonic::operator()(const Tensor& score) const {
  const Tensor climbed = clamp((reshape(score, {score.dim(0), 1}) - from) / (to - from), 0, 1);
  return lowest + sum_per_sample(climbed * rise);
}

}  // namespace erg
