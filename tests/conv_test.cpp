// The convolution triad against one loop in double, at every instruction set; that its members are adjoint to each
// other; and the promises every kernel makes: outputs wholly written, nothing read from a dirty workspace, the same
// bits on any number of threads.
#include "kernels/conv.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <ostream>
#include <string>
#include <vector>

#include "kernel_runs.h"

namespace erg::kernels {

void PrintTo(const ConvShape& s, std::ostream* out) {
  *out << "n " << s.n << ", image " << s.h << "x" << s.w << "x" << s.ci << ", co " << s.co << ", kernel " << s.kh << "x"
       << s.kw << ", stride " << s.stride << ", pad " << s.pad;
}

namespace {

using namespace test;

constexpr int guard = 8;  // elements beyond an array's end, to see that they are left alone

struct Operands {
  explicit Operands(const ConvShape& s)
      : x(random_reals(s.x_size(), 1)), w(random_reals(s.w_size(), 2)), dy(random_reals(s.y_size(), 3)) {}
  std::vector<real> x, w, dy;
};

struct Triad {
  std::vector<real> y, dx, dw;
};

template <class F>
std::vector<real> run(const F& kernel, const ConvShape& s, int64_t workspace_size, const std::vector<real>& first,
                      const std::vector<real>& second, int64_t size) {
  std::vector<real> workspace = nan_filled(workspace_size + guard), out = nan_filled(size + guard);
  kernel(cpu_stream, s, first.data(), second.data(), workspace.data(), out.data());
  for (int i = 0; i < guard; ++i) {
    EXPECT_TRUE(std::isnan(workspace[workspace_size + i])) << kernel.name << " wrote beyond the workspace";
    EXPECT_TRUE(std::isnan(out[size + i])) << kernel.name << " wrote beyond its output";
  }
  out.resize(size);
  return out;
}

Triad compute(const ConvShape& s, const Operands& o) {
  return {run(conv2d, s, conv2d_workspace(cpu_device, s), o.x, o.w, s.y_size()),
          run(conv2d_dx, s, conv2d_dx_workspace(cpu_device, s), o.dy, o.w, s.x_size()),
          run(conv2d_dw, s, conv2d_dw_workspace(cpu_device, s), o.x, o.dy, s.w_size())};
}

/// A sum in double, and the sum of its terms' magnitudes, which bounds its rounding.
struct Sum {
  double value = 0, magnitude = 0;
  int64_t terms = 0;
  void add(double term) {
    value += term;
    magnitude += std::abs(term);
    ++terms;
  }
  bool holds(real result) const {
    const double allowed = 2 * std::sqrt(double(terms) + 1) * std::numeric_limits<real>::epsilon() * magnitude;
    return std::abs(double(result) - value) <= allowed;
  }
};

struct Reference {
  std::vector<Sum> y, dx, dw;
};

Reference reference(const ConvShape& s, const Operands& o) {
  Reference r{std::vector<Sum>(s.y_size()), std::vector<Sum>(s.x_size()), std::vector<Sum>(s.w_size())};
  const auto pixel = [&](int n, int oy, int ox, int ky, int kx) {
    const int iy = oy * s.stride - s.pad + ky, ix = ox * s.stride - s.pad + kx;
    if (iy < 0 || iy >= s.h || ix < 0 || ix >= s.w) return;
    for (int ci = 0; ci < s.ci; ++ci)
      for (int co = 0; co < s.co; ++co) {
        const int64_t i = ((int64_t(n) * s.h + iy) * s.w + ix) * s.ci + ci;
        const int64_t k = ((int64_t(ky) * s.kw + kx) * s.ci + ci) * s.co + co;
        const int64_t j = ((int64_t(n) * s.oh() + oy) * s.ow() + ox) * s.co + co;
        r.y[j].add(double(o.x[i]) * o.w[k]);
        r.dx[i].add(double(o.dy[j]) * o.w[k]);
        r.dw[k].add(double(o.x[i]) * o.dy[j]);
      }
  };
  for (int n = 0; n < s.n; ++n)
    for (int oy = 0; oy < s.oh(); ++oy)
      for (int ox = 0; ox < s.ow(); ++ox)
        for (int ky = 0; ky < s.kh; ++ky)
          for (int kx = 0; kx < s.kw; ++kx) pixel(n, oy, ox, ky, kx);
  return r;
}

testing::AssertionResult agree(const char* kernel, const std::vector<real>& result, const std::vector<Sum>& expected) {
  for (size_t i = 0; i < expected.size(); ++i)
    if (!expected[i].holds(result[i]))
      return testing::AssertionFailure() << kernel << "[" << i << "] is " << result[i] << ", not " << expected[i].value;
  return testing::AssertionSuccess();
}

void expect_triad(const ConvShape& s) {
  SCOPED_TRACE(testing::PrintToString(s));
  const Operands o(s);
  const Triad t = compute(s, o);
  const Reference r = reference(s, o);
  EXPECT_TRUE(agree("conv2d", t.y, r.y));
  EXPECT_TRUE(agree("conv2d_dx", t.dx, r.dx));
  EXPECT_TRUE(agree("conv2d_dw", t.dw, r.dw));
}

/// Any legal shape, up to `most` images of `side` pixels a side.
ConvShape any_shape(int most, int side) {
  const auto upto = [](int least, int largest) { return *rc::gen::inRange(least, largest + 1); };
  ConvShape s;
  s.n = upto(0, most);
  s.h = upto(1, side);
  s.w = upto(1, side);
  s.ci = *rc::gen::element(1, 2, 3, 4, 5, 8, 13, 16, 20, 33);
  s.co = *rc::gen::element(1, 2, 3, 4, 5, 8, 13, 16, 20, 33);
  s.pad = upto(0, 6);
  s.kh = upto(1, std::min(5, s.h + 2 * s.pad));
  s.kw = upto(1, std::min(5, s.w + 2 * s.pad));
  s.stride = upto(1, 4);
  return s;
}

/// Runs every test at each level the CPU has.
class Conv : public testing::TestWithParam<cpu::Isa> {
 protected:
  void SetUp() override {
    before_ = cpu::isa();
    cpu::set_isa(GetParam());
  }
  void TearDown() override { cpu::set_isa(before_); }

 private:
  cpu::Isa before_;
};

INSTANTIATE_TEST_SUITE_P(Isa, Conv, testing::ValuesIn(cpu::available_isas()),
                         [](const auto& level) { return std::string(cpu::name(level.param)); });

TEST_P(Conv, MatchesDoubleLoopOnLayersOfNetworks) {
  const ConvShape shapes[] = {
      {3, 16, 16, 32, 48, 3, 3, 1, 1},  // a plain layer
      {5, 8, 8, 16, 40, 4, 4, 2, 1},    // DCGAN, halving
      {2, 28, 28, 1, 64, 5, 5, 2, 2},   // first layer of one channel; its dx is a generator's last layer
      {2, 32, 32, 3, 64, 5, 5, 2, 2},   // of three
      {2, 32, 32, 3, 64, 3, 3, 1, 1},   //
      {9, 4, 4, 128, 1, 4, 4, 1, 0},    // a discriminator's last layer
      {6, 7, 7, 24, 24, 3, 3, 1, 1},    // an image that no tile divides
      {4, 9, 9, 17, 31, 1, 1, 1, 0},    // pointwise
      {1, 60, 70, 8, 16, 3, 3, 1, 1},   // cut into parts within the image
      {1, 61, 67, 8, 3, 4, 4, 2, 1},    //
      {5, 4, 4, 64, 70, 3, 3, 1, 1},    // so deep and small that it goes tap by tap
      {3, 6, 4, 80, 50, 5, 5, 2, 2},    // with a stride
      {9, 2, 2, 40, 36, 4, 4, 2, 1},    // one pixel, most of whose window is padding
      {2, 1, 3, 33, 24, 3, 3, 1, 3},    // taps that reach nothing
      {3, 11, 8, 33, 20, 3, 3, 3, 1},   // many channels, every third pixel
      {2, 9, 9, 20, 7, 2, 2, 5, 0},     // and most of x in no window
  };
  for (const ConvShape& s : shapes) expect_triad(s);
}

TEST_P(Conv, MatchesDoubleLoopOnOddGeometry) {
  const ConvShape shapes[] = {
      {0, 5, 5, 3, 4, 3, 3, 1, 1},   // no images
      {2, 5, 5, 8, 0, 3, 3, 1, 1},   // no output channels
      {2, 5, 5, 0, 8, 3, 3, 2, 1},   // no input channels
      {2, 1, 1, 3, 4, 3, 3, 1, 1},   // a kernel larger than the image
      {2, 5, 4, 2, 3, 3, 3, 1, 3},   // windows that lie wholly in the padding
      {2, 3, 3, 2, 3, 2, 2, 1, 6},   // and far out
      {2, 8, 7, 3, 4, 3, 3, 3, 0},   // rows of x that no window reaches
      {2, 9, 9, 3, 4, 2, 2, 5, 0},   // most of x in no window
      {2, 6, 11, 5, 6, 1, 4, 2, 1},  // rectangles
      {2, 11, 6, 5, 6, 5, 2, 3, 2},  //
  };
  for (const ConvShape& s : shapes) expect_triad(s);
}

TEST_P(Conv, MatchesDoubleLoopOnRandomShapes) {
  EXPECT_TRUE(rc::check("the triad", [] {
    const ConvShape s = any_shape(4, 10);
    const Operands o(s);
    const Triad t = compute(s, o);
    const Reference r = reference(s, o);
    RC_ASSERT(agree("conv2d", t.y, r.y));
    RC_ASSERT(agree("conv2d_dx", t.dx, r.dx));
    RC_ASSERT(agree("conv2d_dw", t.dw, r.dw));
  }));
}

TEST_P(Conv, EachIsTheGradientOfTheOthers) {
  EXPECT_TRUE(rc::check("<conv2d(x,w), dy> = <x, conv2d_dx(dy,w)> = <w, conv2d_dw(x,dy)>", [] {
    const ConvShape s = any_shape(8, 16);
    const Operands o(s);
    const Triad t = compute(s, o);
    const auto dot = [](const std::vector<real>& a, const std::vector<real>& b) {
      Sum sum;
      for (size_t i = 0; i < a.size(); ++i) sum.add(double(a[i]) * b[i]);
      return sum;
    };
    const Sum y = dot(t.y, o.dy), dx = dot(o.x, t.dx), dw = dot(o.w, t.dw);
    const double terms = double(s.kh) * s.kw * std::max(s.ci, s.co) + double(s.n) * s.oh() * s.ow() + 1;
    const double allowed =
        std::numeric_limits<real>::epsilon() * std::sqrt(terms) * (y.magnitude + dx.magnitude + dw.magnitude);
    RC_ASSERT(std::abs(y.value - dx.value) <= allowed);
    RC_ASSERT(std::abs(y.value - dw.value) <= allowed);
  }));
}

TEST_P(Conv, NotANumberReachesItsWindowsOnly) {
  const ConvShape s{1, 6, 9, 5, 3, 3, 3, 1, 1};
  Operands o(s);
  o.x[(2 * s.w + 4) * s.ci + 1] = std::numeric_limits<real>::quiet_NaN();
  const Triad t = compute(s, o);
  for (int oy = 0; oy < s.oh(); ++oy)
    for (int ox = 0; ox < s.ow(); ++ox)
      for (int co = 0; co < s.co; ++co)
        EXPECT_EQ(std::isnan(t.y[(oy * s.ow() + ox) * s.co + co]), std::abs(oy - 2) <= 1 && std::abs(ox - 4) <= 1);
}

TEST_P(Conv, SameBitsOnAnyNumberOfThreads) {
  for (const ConvShape& s : {ConvShape{5, 16, 16, 32, 48, 3, 3, 1, 1}, ConvShape{16, 32, 32, 3, 64, 5, 5, 2, 2},
                             ConvShape{1, 64, 64, 16, 16, 4, 4, 2, 1}, ConvShape{40, 4, 4, 64, 64, 3, 3, 1, 1}}) {
    const Operands o(s);
    set_threads(1);
    const Triad one = compute(s, o);
    for (int threads : {2, 3}) {
      set_threads(threads);
      const Triad many = compute(s, o);
      EXPECT_TRUE(same_bits(many.y, one.y)) << threads << " threads";
      EXPECT_TRUE(same_bits(many.dx, one.dx)) << threads << " threads";
      EXPECT_TRUE(same_bits(many.dw, one.dw)) << threads << " threads";
    }
  }
  set_threads(2);
}

}  // namespace
}  // namespace erg::kernels
