// Products against cuBLAS and cuDNN, where a GPU and the libraries are there: other people's code for the same
// contracts.
#include <gtest/gtest.h>

#include <functional>

#include "cuda_runs.h"
#include "kernels/conv.h"
#include "kernels/gemm.h"
#include "tools/bench/rulers.h"

namespace erg::test {
namespace {

using kernels::ConvShape;
using kernels::GemmShape;
using tools::Convolution;
using tools::Precision;
using tools::Ruler;
using tools::Rulers;

/// For each precision, a tolerance in the Euclidean norm.
constexpr std::pair<Precision, double> precisions[] = {{Precision::fp32, 1e-5}, {Precision::tf32, 2e-3}};

class Oracle : public testing::Test {
 protected:
  void SetUp() override {
    ERG_NEEDS_CUDA();
    rulers_.emplace(cuda_stream().device);
  }

  /// Every remark, for a test that skips.
  std::string why() const {
    std::string text;
    for (const std::string& remark : rulers_->remarks()) text += (text.empty() ? "" : "; ") + remark;
    return text;
  }

  std::optional<Rulers> rulers_;
};

TEST_F(Oracle, GemmIsCublas) {
  for (const GemmShape& s : {GemmShape{128, 96, 64}, GemmShape{65, 33, 130, true, false},
                             GemmShape{40, 200, 72, false, true}, GemmShape{31, 17, 45, true, true}})
    for (const auto& [precision, tolerance] : precisions) {
      SCOPED_TRACE(testing::Message() << s.m << "x" << s.n << "x" << s.k << " " << tools::name(precision));
      const WithPrecision scope(precision);
      const DeviceReals a(random_reals(s.m * s.k, 1)), b(random_reals(s.k * s.n, 2));
      DeviceReals workspace(kernels::gemm_workspace(cuda_stream().device, s)), ours(s.m * s.n), theirs(s.m * s.n);
      const std::optional<Ruler> ruler = rulers_->gemm(s, precision, a.data(), b.data(), theirs.data());
      if (!ruler) GTEST_SKIP() << why();
      ruler->launch();
      kernels::gemm(cuda_stream(), s, a.data(), b.data(), workspace.data(), ours.data());
      EXPECT_LT(relative_distance(ours.to_host(), theirs.to_host()), tolerance);
    }
}

/// Between our order of weights, [kh,kw,ci,co], and cuDNN's, [co,kh,kw,ci].
std::vector<real> to_cudnn(const ConvShape& s, const std::vector<real>& w) {
  const size_t co = size_t(s.co), rest = w.size() / co;
  std::vector<real> result(w.size());
  for (size_t i = 0; i < rest; ++i)
    for (size_t o = 0; o < co; ++o) result[o * rest + i] = w[i * co + o];
  return result;
}

std::vector<real> from_cudnn(const ConvShape& s, const std::vector<real>& w) {
  const size_t co = size_t(s.co), rest = w.size() / co;
  std::vector<real> result(w.size());
  for (size_t i = 0; i < rest; ++i)
    for (size_t o = 0; o < co; ++o) result[i * co + o] = w[o * rest + i];
  return result;
}

/// The triad in one place: for each, our kernel and its workspace.
struct Triad {
  Convolution which;
  const char* name;
  std::function<void(const Stream&, const ConvShape&, const real*, const real*, real*, real*)> kernel;
  int64_t (*workspace)(Device, const ConvShape&);
};
const Triad triad[] = {{Convolution::forward, "conv2d", kernels::conv2d, kernels::conv2d_workspace},
                       {Convolution::dx, "conv2d_dx", kernels::conv2d_dx, kernels::conv2d_dx_workspace},
                       {Convolution::dw, "conv2d_dw", kernels::conv2d_dw, kernels::conv2d_dw_workspace}};

const ConvShape conv_shapes[] = {{4, 16, 16, 64, 128, 4, 4, 2, 1},
                                 {3, 9, 11, 5, 7, 3, 3, 1, 1},
                                 {4, 32, 32, 3, 64, 3, 3, 1, 1},
                                 {2, 8, 8, 32, 32, 5, 5, 2, 2}};

TEST_F(Oracle, ConvolutionsAreCudnns) {
  for (const ConvShape& s : conv_shapes)
    for (const Triad& t : triad)
      for (const auto& [precision, tolerance] : precisions) {
        SCOPED_TRACE(testing::Message() << t.name << " " << s.ci << " to " << s.co << " " << tools::name(precision));
        const WithPrecision scope(precision);
        const bool dx = t.which == Convolution::dx, dw = t.which == Convolution::dw;
        const std::vector<real> first = random_reals(dx ? s.y_size() : s.x_size(), 1),
                                second = random_reals(dw ? s.y_size() : s.w_size(), 2);
        const int64_t size = dx ? s.x_size() : dw ? s.w_size() : s.y_size();
        const DeviceReals a(first), b(second), their_b(dw ? second : to_cudnn(s, second));
        DeviceReals workspace(t.workspace(cuda_stream().device, s)), ours(size), theirs(size);
        const std::optional<Ruler> ruler =
            rulers_->convolution(t.which, s, precision, a.data(), their_b.data(), theirs.data());
        if (!ruler) GTEST_SKIP() << why();
        ruler->launch();
        t.kernel(cuda_stream(), s, a.data(), b.data(), workspace.data(), ours.data());
        const std::vector<real> expected = dw ? from_cudnn(s, theirs.to_host()) : theirs.to_host();
        EXPECT_LT(relative_distance(ours.to_host(), expected), tolerance);
      }
}

TEST_F(Oracle, ConvolutionWithBiasAndReluIsCudnns) {
  for (const ConvShape& s : conv_shapes)
    for (const auto& [precision, tolerance] : precisions) {
      SCOPED_TRACE(testing::Message() << s.ci << " to " << s.co << " " << tools::name(precision));
      const WithPrecision scope(precision);
      const std::vector<real> weights = random_reals(s.w_size(), 2);
      const DeviceReals x(random_reals(s.x_size(), 1)), w(weights), their_w(to_cudnn(s, weights)),
          bias(random_reals(s.co, 3));
      DeviceReals workspace(kernels::conv2d_bias_workspace(cuda_stream().device, s)), ours(s.y_size()),
          theirs(s.y_size());
      const std::optional<Ruler> ruler =
          rulers_->conv2d_bias_relu(s, precision, x.data(), their_w.data(), bias.data(), theirs.data());
      if (!ruler) GTEST_SKIP() << why();
      ruler->launch();
      kernels::conv2d_bias(cuda_stream(), s, x.data(), w.data(), bias.data(), 0, workspace.data(), ours.data());
      EXPECT_LT(relative_distance(ours.to_host(), theirs.to_host()), tolerance);
    }
}

}  // namespace
}  // namespace erg::test
