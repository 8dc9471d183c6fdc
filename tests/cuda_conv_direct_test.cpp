// The convolutions of images on the device against the CPU's: layers of networks, every stride and kernel by chance,
// channels that no vector divides; and that neither the batch, nor the order of threads, nor a neighbour's NaN changes
// an image's result.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "cuda_runs.h"
#include "kernels/cuda/conv_direct.cuh"

namespace erg::kernels {
namespace {

using namespace test;

constexpr int guard = 8;  // elements beyond an array's end, to see that they are left alone

std::string in_words(const ConvShape& s) {
  std::ostringstream out;
  out << "n " << s.n << ", image " << s.h << "x" << s.w << "x" << s.ci << ", co " << s.co << ", kernel " << s.kh << "x"
      << s.kw << ", stride " << s.stride << ", pad " << s.pad;
  return out.str();
}

template <class Convolution>
std::vector<real> run(const Convolution& convolution, const ConvShape& s, const std::vector<real>& first,
                      const std::vector<real>& w, int64_t size, int64_t offset) {
  DeviceReals first_there(first, offset), w_there(w, offset), out(size + guard, offset);
  convolution(cuda_stream(), s, first_there.data(), w_there.data(), out.data());
  std::vector<real> result = out.to_host();
  for (int i = 0; i < guard; ++i) EXPECT_TRUE(std::isnan(result[size_t(size + i)])) << "wrote beyond its output";
  result.resize(size_t(size));
  return result;
}

/// `offset` moves all arrays off the alignment that vectors need.
std::vector<real> forward(const ConvShape& s, const std::vector<real>& x, const std::vector<real>& w,
                          int64_t offset = 0) {
  return run(cuda::conv_direct, s, x, w, s.y_size(), offset);
}
std::vector<real> backward(const ConvShape& s, const std::vector<real>& dy, const std::vector<real>& w,
                           int64_t offset = 0) {
  return run(cuda::conv_direct_dx, s, dy, w, s.x_size(), offset);
}

std::vector<real> forward_on_cpu(const ConvShape& s, const std::vector<real>& x, const std::vector<real>& w) {
  std::vector<real> y = nan_filled(s.y_size()), workspace = nan_filled(cpu::conv2d_workspace(s));
  cpu::conv2d(cpu_stream, s, x.data(), w.data(), workspace.data(), y.data());
  return y;
}
std::vector<real> backward_on_cpu(const ConvShape& s, const std::vector<real>& dy, const std::vector<real>& w) {
  std::vector<real> dx = nan_filled(s.x_size()), workspace = nan_filled(cpu::conv2d_dx_workspace(s));
  cpu::conv2d_dx(cpu_stream, s, dy.data(), w.data(), workspace.data(), dx.data());
  return dx;
}

struct Operands {
  explicit Operands(const ConvShape& s)
      : x(random_reals(s.x_size(), 1)), w(random_reals(s.w_size(), 2)), dy(random_reals(s.y_size(), 3)) {}
  std::vector<real> x, w, dy;
};

std::vector<real> magnitudes(std::vector<real> values) {
  for (real& value : values) value = std::abs(value);
  return values;
}

/// Both are rounded: each is within 1e-5 of the sum of its terms' magnitudes.
testing::AssertionResult agree(const std::vector<real>& got, const std::vector<real>& expected,
                               const std::vector<real>& magnitude) {
  for (size_t i = 0; i < expected.size(); ++i)
    if (!(std::abs(double(got[i]) - expected[i]) <= 1e-5 * magnitude[i]))
      return testing::AssertionFailure() << "element " << i << " is " << got[i] << ", expected " << expected[i];
  return testing::AssertionSuccess();
}

testing::AssertionResult forward_agrees(const ConvShape& s, const Operands& o, int64_t offset = 0) {
  return agree(forward(s, o.x, o.w, offset), forward_on_cpu(s, o.x, o.w),
               forward_on_cpu(s, magnitudes(o.x), magnitudes(o.w)));
}
testing::AssertionResult backward_agrees(const ConvShape& s, const Operands& o, int64_t offset = 0) {
  return agree(backward(s, o.dy, o.w, offset), backward_on_cpu(s, o.dy, o.w),
               backward_on_cpu(s, magnitudes(o.dy), magnitudes(o.w)));
}

void expect_both(const ConvShape& s, int64_t offset = 0) {
  SCOPED_TRACE(in_words(s));
  ASSERT_TRUE(cuda::conv_direct_serves(s));
  const Operands o(s);
  EXPECT_TRUE(forward_agrees(s, o, offset)) << "y";
  EXPECT_TRUE(backward_agrees(s, o, offset)) << "dx";
}

ConvShape any_shape() {
  const auto upto = [](int least, int largest) { return *rc::gen::inRange(least, largest + 1); };
  ConvShape s;
  s.n = upto(0, 5);
  s.h = upto(1, 20);
  s.w = upto(1, 40);
  s.ci = upto(1, 4);
  s.co = *rc::gen::element(1, 2, 3, 4, 5, 8, 13, 16, 20, 33);
  s.pad = upto(0, 6);
  s.kh = upto(1, std::min(5, s.h + 2 * s.pad));
  s.kw = upto(1, std::min(5, s.w + 2 * s.pad));
  s.stride = upto(1, 7);
  return s;
}

class CudaConvDirect : public testing::Test {
 protected:
  void SetUp() override { ERG_NEEDS_CUDA(); }
};

TEST_F(CudaConvDirect, ServesImagesAndSmallKernels) {
  EXPECT_TRUE(cuda::conv_direct_serves({64, 32, 32, 3, 64, 3, 3, 1, 1}));
  EXPECT_TRUE(cuda::conv_direct_serves({64, 28, 28, 1, 64, 5, 5, 2, 2}));
  EXPECT_TRUE(cuda::conv_direct_serves({1, 1, 1, 4, 1000, 1, 1, 1, 0}));
  EXPECT_FALSE(cuda::conv_direct_serves({64, 32, 32, 5, 64, 3, 3, 1, 1}));
  EXPECT_FALSE(cuda::conv_direct_serves({64, 32, 32, 3, 64, 7, 3, 1, 3}));
  EXPECT_FALSE(cuda::conv_direct_serves({64, 32, 32, 3, 64, 3, 7, 1, 3}));
  EXPECT_FALSE(cuda::conv_direct_serves({1, 8192, 8192, 3, 64, 3, 3, 1, 1})) << "2^32 elements an image";
}

TEST_F(CudaConvDirect, MatchesTheCpuOnLayersOfNetworks) {
  const ConvShape shapes[] = {
      {2, 32, 32, 3, 64, 3, 3, 1, 1},   // SNGAN's and IGEBM's first
      {2, 32, 32, 3, 128, 3, 3, 1, 1},  //
      {2, 32, 32, 3, 64, 4, 4, 2, 1},   // DCGAN's
      {3, 28, 28, 1, 64, 5, 5, 2, 2},   // MNIST's; its dx is a generator's last
      {2, 16, 16, 3, 128, 1, 1, 1, 0},  // the shortcut of a residual block
      {1, 64, 64, 3, 16, 3, 3, 1, 1},   // an image of several tiles
      {2, 24, 40, 4, 32, 5, 5, 1, 2},   // whose tiles are narrow
      {2, 16, 16, 4, 32, 4, 4, 2, 1},   //
      {2, 17, 17, 2, 260, 3, 3, 2, 1},  // more channels than a block takes
  };
  for (const ConvShape& s : shapes) expect_both(s);
}

TEST_F(CudaConvDirect, MatchesTheCpuOnOddGeometry) {
  const ConvShape shapes[] = {
      {0, 5, 5, 3, 4, 3, 3, 1, 1},     // no images
      {2, 1, 1, 3, 4, 3, 3, 1, 1},     // a kernel larger than the image
      {2, 5, 4, 2, 3, 3, 3, 1, 3},     // windows that lie wholly in the padding
      {2, 3, 3, 2, 3, 2, 2, 1, 6},     // and far out
      {2, 8, 7, 3, 4, 3, 3, 3, 0},     // rows of x that no window reaches
      {2, 9, 9, 3, 4, 2, 2, 5, 0},     // most of x in no window
      {1, 40, 41, 1, 5, 5, 3, 20, 1},  //
      {2, 6, 11, 4, 6, 1, 4, 2, 1},    // rectangles
      {2, 11, 6, 4, 6, 5, 2, 3, 2},    //
      {3, 13, 9, 1, 1, 5, 5, 4, 4},    //
      {1, 90, 90, 4, 4, 5, 5, 5, 0},   // a patch that does not fit in shared memory with a whole tile
  };
  for (const ConvShape& s : shapes) expect_both(s);
}

TEST_F(CudaConvDirect, WithoutChannelsTheGradientIsZero) {
  const ConvShape s{2, 5, 5, 3, 0, 3, 3, 1, 1};
  EXPECT_TRUE(forward(s, random_reals(s.x_size(), 1), {}).empty());
  EXPECT_EQ(backward(s, {}, {}), std::vector<real>(size_t(s.x_size()), 0));
}

TEST_F(CudaConvDirect, MatchesTheCpuOnRandomShapes) {
  EXPECT_TRUE(rc::check("y and dx", [] {
    const ConvShape s = any_shape();
    RC_LOG() << in_words(s);
    const Operands o(s);
    RC_ASSERT(forward_agrees(s, o));
    RC_ASSERT(backward_agrees(s, o));
  }));
}

TEST_F(CudaConvDirect, BiasAndActivationFollowTheSum) {
  for (const ConvShape& s : {ConvShape{2, 9, 10, 3, 64, 3, 3, 1, 1}, ConvShape{2, 9, 10, 1, 13, 4, 4, 2, 1}}) {
    SCOPED_TRACE(in_words(s));
    const Operands o(s);
    const std::vector<real> bias = random_reals(s.co, 4);
    for (const real slope : {real(0.2), real(1)}) {
      const DeviceReals bias_there(bias);
      const auto with_bias = [&](const Stream& stream, const ConvShape& shape, const real* x, const real* w, real* y) {
        cuda::conv_direct_bias(stream, shape, x, w, bias_there.data(), slope, y);
      };
      std::vector<real> expected = forward(s, o.x, o.w);
      for (size_t i = 0; i < expected.size(); ++i) {
        expected[i] += bias[i % bias.size()];
        if (expected[i] < 0) expected[i] *= slope;
      }
      EXPECT_TRUE(near_each(run(with_bias, s, o.x, o.w, s.y_size(), 0), expected, 1e-6)) << "slope " << slope;
    }
  }
}

TEST_F(CudaConvDirect, TakesArraysOfAnyAlignment) {
  for (const int64_t offset : {1, 2, 3}) {
    expect_both({2, 9, 10, 3, 16, 3, 3, 1, 1}, offset);
    expect_both({2, 9, 10, 3, 18, 4, 4, 2, 1}, offset);
  }
}

TEST_F(CudaConvDirect, AnImageDoesNotDependOnItsBatch) {
  const ConvShape shapes[] = {{150, 6, 6, 3, 20, 3, 3, 1, 1}, {20, 12, 12, 1, 36, 5, 5, 2, 2}};
  for (const ConvShape& batch : shapes) {
    SCOPED_TRACE(in_words(batch));
    ConvShape image = batch;
    image.n = 1;
    const Operands o(batch);
    const std::vector<real> y = forward(batch, o.x, o.w), dx = backward(batch, o.dy, o.w);
    const auto part = [](const std::vector<real>& all, int64_t i, int64_t size) {
      return std::vector<real>(all.begin() + i * size, all.begin() + (i + 1) * size);
    };
    for (const int i : {0, batch.n / 2, batch.n - 1}) {
      EXPECT_TRUE(same_bits(forward(image, part(o.x, i, image.x_size()), o.w), part(y, i, image.y_size())));
      EXPECT_TRUE(same_bits(backward(image, part(o.dy, i, image.y_size()), o.w), part(dx, i, image.x_size())));
    }
  }
}

TEST_F(CudaConvDirect, SameBitsInEveryOrderOfThreads) {
  for (const ConvShape& s : {ConvShape{3, 10, 11, 3, 36, 3, 3, 1, 1}, ConvShape{3, 10, 11, 2, 36, 4, 4, 2, 1}}) {
    SCOPED_TRACE(in_words(s));
    const Operands o(s);
    same_in_every_order([&] { return forward(s, o.x, o.w); });
    same_in_every_order([&] { return backward(s, o.dy, o.w); });
  }
}

TEST_F(CudaConvDirect, NotANumberReachesItsWindowsOnly) {
  for (const int stride : {1, 2, 3}) {
    const ConvShape s{1, 12, 13, 3, 20, 5, 4, stride, 2};
    SCOPED_TRACE(in_words(s));
    const auto meets = [&](int i, int o, int kernel) {
      return i >= o * stride - s.pad && i < o * stride - s.pad + kernel;
    };
    const int iy = 4, ix = 6, oy = 1, ox = 2;
    Operands o(s);
    o.x[size_t((iy * s.w + ix) * s.ci + 1)] = std::numeric_limits<real>::quiet_NaN();
    o.dy[size_t((oy * s.ow() + ox) * s.co + 7)] = std::numeric_limits<real>::quiet_NaN();
    const std::vector<real> y = forward(s, o.x, o.w), dx = backward(s, o.dy, o.w);
    for (int64_t i = 0; i < s.y_size(); ++i) {
      const int pixel = int(i / s.co);
      ASSERT_EQ(std::isnan(y[size_t(i)]), meets(iy, pixel / s.ow(), s.kh) && meets(ix, pixel % s.ow(), s.kw));
    }
    for (int64_t i = 0; i < s.x_size(); ++i) {
      const int pixel = int(i / s.ci);
      ASSERT_EQ(std::isnan(dx[size_t(i)]), meets(pixel / s.w, oy, s.kh) && meets(pixel % s.w, ox, s.kw));
    }
  }
}

}  // namespace
}  // namespace erg::kernels
