// Every row of the op table against central differences, in double: first and second derivatives in every element of
// every input, and what must agree whichever way a gradient is taken.
#include <gmock/gmock.h>

#include "differences.h"
#include "kernel_runs.h"
#include "op_cases.h"

namespace erg::test {
namespace {

class Gradient : public testing::TestWithParam<OpCase> {
 protected:
  Gradient() : row_(GetParam()), x_(draw_inputs(row_)) {
    set_threads(1);  // there is too little work for two
    std::mt19937 generator(21);
    weights_ = draw({row_.f(x_).shape()}, generator);
    for (const Tensor& x : x_) slopes_.push_back(draw({x.shape()}, generator));
  }

  /// sum(f(x) * c) with fixed random c: a scalar in which every element of f counts.
  Tensor loss() const { return sum(row_.f(x_) * weights_); }

  std::vector<Tensor> gradients(Keep keep) const {
    Tape tape;
    tape.watch(x_);
    return tape.grad(loss(), x_, keep);
  }

  /// sum over the inputs of sum(gradient * c'), on whatever tape is given.
  Tensor directional(const std::vector<Tensor>& g) const {
    Tensor total = sum(g[0] * slopes_[0]);
    for (size_t i = 1; i < g.size(); ++i) total = total + sum(g[i] * slopes_[i]);
    return total;
  }

  const OpCase row_;
  const Inputs x_;
  Tensor weights_;
  std::vector<Tensor> slopes_;
};

TEST_P(Gradient, FirstDerivative) {
  expect_gradient([&] { return loss(); }, x_, row_.first_tolerance, "input");
}

TEST_P(Gradient, SecondDerivative) {
  std::vector<Tensor> second;
  {
    Tape tape;
    tape.watch(x_);
    second = tape.grad(directional(tape.grad(loss(), x_, Keep::graph)), x_);
  }
  const auto expected = central_differences([&] { return double(directional(gradients(Keep::nothing)).item()); }, x_);
  for (size_t i = 0; i < x_.size(); ++i)
    expect_near(second[i].to_host(), expected[i], row_.second_tolerance, "input " + std::to_string(i));
}

/// A recorded sweep may go other ways than a plain one (batch norm does) but must end at the same place.
TEST_P(Gradient, RecordedSweepAgreesWithPlainOne) {
  const auto plain = gradients(Keep::nothing), recorded = gradients(Keep::graph);
  for (size_t i = 0; i < x_.size(); ++i)
    expect_near(recorded[i].to_host(), plain[i].to_host(), 1e-13, "input " + std::to_string(i));
}

TEST_P(Gradient, AccumulatesOverUses) {
  const auto once = gradients(Keep::nothing);
  Tape tape;
  tape.watch(x_);
  const auto twice = tape.grad(loss() + loss(), x_);
  for (size_t i = 0; i < x_.size(); ++i) {
    auto expected = once[i].to_host();
    for (real& value : expected) value *= 2;
    expect_near(twice[i].to_host(), expected, 1e-13, "input " + std::to_string(i));
  }
}

/// The gradient of one input alone is the one computed among others.
TEST_P(Gradient, DoesNotDependOnWhatElseIsWatched) {
  const auto all = gradients(Keep::nothing);
  for (size_t i = 0; i < x_.size(); ++i) {
    Tape tape;
    tape.watch(x_[i]);
    EXPECT_EQ(tape.grad(loss(), {x_[i]})[0].to_host(), all[i].to_host()) << "input " << i;
  }
}

/// An input that is changed in place after the forward pass is either not needed any more or missed.
TEST_P(Gradient, NeverUsesAnInputThatWasChangedInPlace) {
  const auto expected = gradients(Keep::nothing);
  for (size_t changed = 0; changed < x_.size(); ++changed) {
    Tensor x = x_[changed];
    const Tensor before = x.clone();
    Tape tape;
    tape.watch(x_);
    const Tensor y = loss();
    x.copy_(Tensor::full(x.shape(), real(0.7)));
    try {
      const auto got = tape.grad(y, x_);
      for (size_t i = 0; i < x_.size(); ++i)
        EXPECT_EQ(got[i].to_host(), expected[i].to_host()) << "input " << i << ", input " << changed << " changed";
    } catch (const std::logic_error& error) { EXPECT_THAT(error.what(), testing::HasSubstr("was changed in place")); }
    x.copy_(before);
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, Gradient, testing::ValuesIn(op_cases()),
                         [](const auto& info) { return identifier(info.param); });

/// One tensor in both places of a binary operation.
TEST(GradientOfBinaryOps, OfATensorWithItself) {
  std::mt19937 generator(22);
  const Tensor x = draw({{3, 4}, away_from_zero}, generator), square_matrix = draw({{3, 3}}, generator);
  const Tensor c = draw({{3, 4}}, generator), image = draw({{1, 3, 3, 1}}, generator);
  expect_gradient([&] { return sum((x + x) * c); }, {x}, 1e-6, "add");
  expect_gradient([&] { return sum((x - x * 2) * c); }, {x}, 1e-6, "sub");
  expect_gradient([&] { return sum(x * x * c); }, {x}, 1e-6, "mul");
  expect_gradient([&] { return sum(x / (x * x) * c); }, {x}, 1e-6, "div");
  expect_gradient(
      [&] { return sum(matmul(square_matrix, square_matrix, true, false) * matmul(square_matrix, square_matrix)); },
      {square_matrix}, 1e-6, "matmul");
  expect_gradient(
      [&] {
        return sum(conv2d(image, reshape(image, {3, 3, 1, 1}), 1, 1) * image);
      },
      {image}, 1e-6, "conv2d");
}

/// Arithmetic, matmul and convolution are made of each other, so that no order of derivative is the last.
TEST(HigherDerivatives, OfArithmeticExistInAnyOrder) {
  const Tensor x = Tensor::full({}, real(1.5));
  Tape tape;
  tape.watch(x);
  Tensor y = x * x * x * x / (x * x * x + 1);
  for (int order = 0; order < 2; ++order) y = tape.grad(y, {x}, Keep::graph)[0];
  const Tensor third = tape.grad(y, {x}, Keep::tape)[0];
  const double v = 1.5, step = 1e-3;
  const auto f = [](double t) { return t * t * t * t / (t * t * t + 1); };
  const double difference =
      (f(v + 2 * step) - 2 * f(v + step) + 2 * f(v - step) - f(v - 2 * step)) / (2 * step * step * step);
  EXPECT_NEAR(third.item(), difference, 1e-5);
}

}  // namespace
}  // namespace erg::test
