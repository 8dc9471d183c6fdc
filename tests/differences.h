// What the gradient tests share: central differences, and how a gradient is compared with them. For the double build.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "engine/tape.h"

namespace erg::test {

static_assert(sizeof(real) == sizeof(double), "difference quotients need double");

/// d f / d x for every element of every x, by central differences; x is changed and changed back.
inline std::vector<std::vector<double>> central_differences(const std::function<double()>& f, std::vector<Tensor> xs,
                                                            double step = 1e-5) {
  std::vector<std::vector<double>> result;
  for (Tensor& x : xs) {
    std::vector<double> quotients;
    for (int64_t i = 0; i < x.size(); ++i) {
      const real at = x.data()[i];
      x.mutate()[i] = at + step;
      const double above = f();
      x.mutate()[i] = at - step;
      const double below = f();
      x.mutate()[i] = at;
      quotients.push_back((above - below) / (2 * step));
    }
    result.push_back(quotients);
  }
  return result;
}

/// `tolerance` is relative to the largest element, so that small elements of a large gradient may carry its rounding.
inline void expect_near(const std::vector<double>& got, const std::vector<double>& expected, double tolerance,
                        const std::string& what) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  double largest = 1e-3;  // below this, differences are rounding
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], expected[i], tolerance * largest) << what << ", element " << i;
}

/// tape.grad(loss(), xs) against differences of loss().
inline void expect_gradient(const std::function<Tensor()>& loss, const std::vector<Tensor>& xs, double tolerance,
                            const std::string& what = "x") {
  std::vector<Tensor> gradients;
  {
    Tape tape;
    tape.watch(xs);
    gradients = tape.grad(loss(), xs);
  }
  const auto expected = central_differences([&] { return double(loss().item()); }, xs);
  for (size_t i = 0; i < xs.size(); ++i)
    expect_near(gradients[i].to_host(), expected[i], tolerance,
                what + " " + std::to_string(i) + " of shape " + to_string(xs[i].shape()));
}

}  // namespace erg::test
