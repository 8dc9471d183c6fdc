// What the operations compute, in float, against plain loops and Eigen in double. The gradient checks cannot see a
// wrong value whose derivative is right; this can.
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "op_cases.h"

namespace erg::test {
namespace {

/// 0, 1, 2, ...
Tensor counting(const Shape& shape) {
  std::vector<real> values(size_t(shape.size()), real(0));
  for (size_t i = 0; i < values.size(); ++i) values[i] = real(i);
  return Tensor::from_host(shape, values);
}

void expect_values(const Tensor& got, const std::vector<double>& expected, double tolerance = 1e-5) {
  const auto values = got.to_host();
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i)
    ASSERT_NEAR(values[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << "element " << i;
}

TEST(OpValues, OfUnaryFunctions) {
  using Function = double (*)(double);
  const std::map<std::string, Function> formulas{
      {"log", std::log},
      {"log1p", std::log1p},
      {"softplus", [](double x) { return std::log1p(std::exp(x)); }},
      {"silu", [](double x) { return x / (1 + std::exp(-x)); }},
      {"square", [](double x) { return x * x; }},
      {"sin", std::sin},
      {"cos", std::cos},
      {"exp", std::exp},
      {"sqrt", std::sqrt},
      {"tanh", std::tanh},
      {"sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }},
      {"reciprocal", [](double x) { return 1 / x; }},
      {"relu", [](double x) { return std::max(x, 0.0); }},
      {"elu", [](double x) { return x > 0 ? x : std::expm1(x); }},
      {"abs", [](double x) { return std::abs(x); }},
      {"leaky_relu", [](double x) { return x > 0 ? x : 0.2 * x; }},
      {"clamp", [](double x) { return std::clamp(x, -0.5, 1.0); }},
      {"affine", [](double x) { return -1.5 * x + 0.25; }},
  };
  std::set<std::string> checked;
  for (const OpCase& row : op_cases()) {
    const auto formula = formulas.find(row.op);
    if (formula == formulas.end()) continue;
    SCOPED_TRACE(row.name());
    const Inputs x = draw_inputs(row);
    std::vector<double> expected;
    for (const real value : x[0].to_host()) expected.push_back(formula->second(double(value)));
    expect_values(row.f(x), expected, 1e-6);
    checked.insert(row.op);
  }
  EXPECT_EQ(checked.size(), formulas.size());
}

/// Element (i0,...) of a tensor that is broadcast to `out`, for the i-th element of out.
double broadcast_at(const Tensor& t, const Shape& out, int64_t i) {
  int64_t offset = 0, step = 1;
  for (int d = 1; d <= out.rank(); ++d) {
    const int64_t index = i % out[-d];
    i /= out[-d];
    if (d > t.rank()) continue;
    offset += (t.dim(-d) == 1 ? 0 : index) * step;
    step *= t.dim(-d);
  }
  return double(t.data()[offset]);
}

TEST(OpValues, OfBinaryFunctionsInEveryBroadcast) {
  using Function = double (*)(double, double);
  const std::map<std::string, Function> formulas{
      {"add", [](double a, double b) { return a + b; }},
      {"sub", [](double a, double b) { return a - b; }},
      {"mul", [](double a, double b) { return a * b; }},
      {"div", [](double a, double b) { return a / b; }},
      {"maximum", [](double a, double b) { return std::max(a, b); }},
      {"minimum", [](double a, double b) { return std::min(a, b); }},
  };
  for (const OpCase& row : op_cases()) {
    const auto formula = formulas.find(row.op);
    if (formula == formulas.end()) continue;
    SCOPED_TRACE(row.name());
    const Inputs x = draw_inputs(row);
    const Shape out = broadcast("test", x[0].shape(), x[1].shape());
    std::vector<double> expected;
    for (int64_t i = 0; i < out.size(); ++i)
      expected.push_back(formula->second(broadcast_at(x[0], out, i), broadcast_at(x[1], out, i)));
    expect_values(row.f(x), expected, 1e-6);
  }
}

TEST(OpValues, OfSumAndBroadcast) {
  for (const OpCase& row : op_cases()) {
    if (row.op != "sum_to" && row.op != "broadcast_to") continue;
    SCOPED_TRACE(row.name());
    const Inputs x = draw_inputs(row);
    const Tensor y = row.f(x);
    const Tensor &large = row.op == "sum_to" ? x[0] : y, &small = row.op == "sum_to" ? y : x[0];
    // Each element of the small one stands for those that broadcasting would give its value.
    const Tensor index = counting(small.shape());
    std::vector<double> sums(size_t(small.size()), 0.0), copies;
    for (int64_t i = 0; i < large.size(); ++i) {
      const auto target = size_t(broadcast_at(index, large.shape(), i));
      sums[target] += double(large.data()[i]);
      copies.push_back(double(small.data()[target]));
    }
    expect_values(y, row.op == "sum_to" ? sums : copies, 1e-6);
  }
}

TEST(OpValues, OfMatmulAgainstEigen) {
  using Matrix = Eigen::Matrix<real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  std::mt19937 generator(31);
  for (const auto& [m, k, n] :
       {std::array<int64_t, 3>{1, 1, 1}, {5, 3, 7}, {1, 300, 1}, {67, 129, 33}, {128, 256, 1}, {3, 0, 2}})
    for (const bool ta : {false, true})
      for (const bool tb : {false, true}) {
        const Tensor a = draw({ta ? Shape{k, m} : Shape{m, k}}, generator),
                     b = draw({tb ? Shape{n, k} : Shape{k, n}}, generator);
        const Eigen::MatrixXd da = Eigen::Map<const Matrix>(a.data(), a.dim(0), a.dim(1)).cast<double>();
        const Eigen::MatrixXd db = Eigen::Map<const Matrix>(b.data(), b.dim(0), b.dim(1)).cast<double>();
        const Eigen::MatrixXd product =
            (ta ? Eigen::MatrixXd(da.transpose()) : da) * (tb ? Eigen::MatrixXd(db.transpose()) : db);
        std::vector<double> expected;
        for (int64_t i = 0; i < m; ++i)
          for (int64_t j = 0; j < n; ++j) expected.push_back(product(i, j));
        SCOPED_TRACE(to_string(a.shape()) + " x " + to_string(b.shape()));
        expect_values(matmul(a, b, ta, tb), expected, 2e-5);
      }
}

/// Calls f(x index, w index, y index) for each product that a convolution sums.
template <class F>
void for_each_product(const rows::Convolution& c, const F& f) {
  const Shape &x = c.x, &w = c.w, y = c.y();
  for (int64_t i = 0; i < y.size(); ++i)
    for (int64_t k = 0; k < w.size() / w[3]; ++k) {
      const int64_t co = i % y[3], ox = i / y[3] % y[2], oy = i / y[3] / y[2] % y[1], n = i / y[3] / y[2] / y[1];
      const int64_t ci = k % w[2], kx = k / w[2] % w[1], ky = k / w[2] / w[1];
      const int64_t ix = ox * c.stride - c.pad + kx, iy = oy * c.stride - c.pad + ky;
      if (ix < 0 || iy < 0 || ix >= x[2] || iy >= x[1]) continue;
      f(size_t(((n * x[1] + iy) * x[2] + ix) * x[3] + ci), size_t(k * w[3] + co), size_t(i));
    }
}

TEST(OpValues, OfTheConvolutionTriad) {
  std::mt19937 generator(32);
  for (const rows::Convolution& c : rows::convolutions) {
    SCOPED_TRACE(c.pattern);
    const Tensor x = draw({c.x}, generator), w = draw({c.w}, generator), y = draw({c.y()}, generator);
    std::vector<double> forward(size_t(y.size())), dx(size_t(x.size())), dw(size_t(w.size()));
    for_each_product(c, [&](size_t ix, size_t iw, size_t iy) {
      forward[iy] += double(x.data()[ix]) * double(w.data()[iw]);
      dx[ix] += double(y.data()[iy]) * double(w.data()[iw]);
      dw[iw] += double(x.data()[ix]) * double(y.data()[iy]);
    });
    expect_values(conv2d(x, w, c.stride, c.pad), forward);
    expect_values(conv2d_dx(y, w, c.stride, c.pad, c.x[1], c.x[2]), dx);
    expect_values(conv2d_dw(x, y, c.stride, c.pad, c.w[0], c.w[1]), dw);
  }
}

TEST(OpValues, OfMovesAndPools) {
  const Tensor image = counting({1, 2, 4, 1});  // 0 1 2 3 / 4 5 6 7
  expect_values(avg_pool(image, 2), {2.5, 4.5});
  expect_values(upsample(counting({1, 1, 2, 1}), 2), {0, 0, 1, 1, 0, 0, 1, 1});
  expect_values(pad(counting({1, 1, 2, 1}), 1), {0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0});
  expect_values(crop(counting({1, 3, 4, 1}), 1), {5, 6});
  expect_values(concat({counting({2, 2}), counting({2, 1})}, 1), {0, 1, 0, 2, 3, 1});
  expect_values(slice(counting({2, 3}), 1, 1, 3), {1, 2, 4, 5});
  expect_values(place(counting({2, 1}), 1, 1, 3), {0, 0, 0, 0, 1, 0});
  expect_values(permute(counting({2, 3}), {1, 0}), {0, 3, 1, 4, 2, 5});
  expect_values(permute(counting({1, 2, 1, 3}), {3, 0, 1, 2}), {0, 3, 1, 4, 2, 5});
  expect_values(reshape(counting({2, 3}), {3, 2}), {0, 1, 2, 3, 4, 5});
  expect_values(sum_per_sample(counting({2, 1, 3})), {3, 12});
  expect_values(max_per_sample(counting({2, 1, 3})), {2, 5});
  expect_values(mean(counting({2, 3})), {2.5});
}

TEST(OpValues, OfNorms) {
  const Tensor x = Tensor::from_host({2, 2}, std::vector<real>{1, 10, 3, 30});
  const BatchNormResult result = batch_norm(x, Tensor::from_host({2}, std::vector<real>{1, 2}),
                                            Tensor::from_host({2}, std::vector<real>{0, 5}), 0);
  expect_values(result.y, {-1, 3, 1, 7});
  expect_values(result.mean, {2, 20});
  expect_values(result.rstd, {1, 0.1});
  expect_values(layer_norm(x, 0), {-1, 1, -1, 1});
}

}  // namespace
}  // namespace erg::test
