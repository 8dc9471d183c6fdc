// The convolutions on the device against the CPU's, in both precisions: every geometry of the op table, channels that
// fall into groups of four and such that do not, several tiles, and stretches of k that blocks share.
#include <gtest/gtest.h>

#include <cmath>
#include <ostream>
#include <vector>

#include "cuda_runs.h"
#include "kernels/conv.h"
#include "op_cases.h"

namespace erg::kernels {

void PrintTo(const ConvShape& s, std::ostream* out) {
  *out << "n " << s.n << ", image " << s.h << "x" << s.w << "x" << s.ci << ", co " << s.co << ", kernel " << s.kh << "x"
       << s.kw << ", stride " << s.stride << ", pad " << s.pad;
}

namespace {

using namespace test;
using cuda::Precision;

constexpr int guard = 8;  // elements beyond an array's end, to see that they are left alone

/// Whether something with a guard behind its `size` elements left that alone; removes it.
void expect_guarded(std::vector<real>& values, int64_t size, const char* what) {
  for (int i = 0; i < guard; ++i) EXPECT_TRUE(std::isnan(values[size_t(size + i)])) << "wrote beyond " << what;
  values.resize(size_t(size));
}

/// One of the triad as a function of its two operands, on the device and on the CPU.
struct Member {
  const char* name;
  int64_t (ConvShape::*first)() const;
  int64_t (ConvShape::*second)() const;
  int64_t (ConvShape::*result)() const;
  int64_t (*workspace)(Device, const ConvShape&);
  void (*run)(const Stream&, const ConvShape&, const real*, const real*, real*, real*);
};

const Member triad[] = {
    {"conv2d", &ConvShape::x_size, &ConvShape::w_size, &ConvShape::y_size, &conv2d_workspace,
     [](const Stream& stream, const ConvShape& s, const real* a, const real* b, real* work, real* c) {
       conv2d(stream, s, a, b, work, c);
     }},
    {"conv2d_dx", &ConvShape::y_size, &ConvShape::w_size, &ConvShape::x_size, &conv2d_dx_workspace,
     [](const Stream& stream, const ConvShape& s, const real* a, const real* b, real* work, real* c) {
       conv2d_dx(stream, s, a, b, work, c);
     }},
    {"conv2d_dw", &ConvShape::x_size, &ConvShape::y_size, &ConvShape::w_size, &conv2d_dw_workspace,
     [](const Stream& stream, const ConvShape& s, const real* a, const real* b, real* work, real* c) {
       conv2d_dw(stream, s, a, b, work, c);
     }},
};

struct Operands {
  Operands(const Member& member, const ConvShape& s)
      : a(random_reals((s.*member.first)(), 1)), b(random_reals((s.*member.second)(), 2)) {}
  std::vector<real> a, b;
};

std::vector<real> on_device(const Member& member, const ConvShape& s, const Operands& o, int64_t offset = 0) {
  const int64_t size = member.workspace(cuda_stream().device, s), results = (s.*member.result)();
  DeviceReals a(o.a, offset), b(o.b, offset), workspace(size + guard), c(results + guard, offset);
  member.run(cuda_stream(), s, a.data(), b.data(), workspace.data(), c.data());
  std::vector<real> result = c.to_host(), used = workspace.to_host();
  expect_guarded(result, results, "the result");
  expect_guarded(used, size, "the workspace");
  return result;
}

std::vector<real> on_cpu(const Member& member, const ConvShape& s, const Operands& o) {
  std::vector<real> workspace(size_t(member.workspace(cpu_device, s))), c(size_t((s.*member.result)()));
  member.run(cpu_stream, s, o.a.data(), o.b.data(), workspace.data(), c.data());
  return c;
}

Operands magnitudes(Operands o) {
  for (std::vector<real>* values : {&o.a, &o.b})
    for (real& value : *values) value = std::abs(value);
  return o;
}

/// What an element may be off by, relative to the sum of its terms' magnitudes: in tf32 each factor is off by 2^-11.
double tolerance() { return cuda::precision() == Precision::tf32 ? 1.01 * 0x1p-10 : 2e-6; }

void expect_near(const std::vector<real>& got, const std::vector<real>& expected, const std::vector<real>& bound) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    ASSERT_LE(std::abs(double(got[i]) - expected[i]), tolerance() * bound[i]) << "element " << i;
}

void expect_triad(const ConvShape& s, int64_t offset = 0) {
  SCOPED_TRACE(testing::PrintToString(s));
  for (const Member& member : triad) {
    SCOPED_TRACE(member.name);
    const Operands o(member, s);
    expect_near(on_device(member, s, o, offset), on_cpu(member, s, o), on_cpu(member, s, magnitudes(o)));
  }
}

class CudaConv : public testing::TestWithParam<Precision> {
 protected:
  void SetUp() override { ERG_NEEDS_CUDA(); }
  const WithPrecision precision_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Precisions, CudaConv, testing::Values(Precision::tf32, Precision::fp32),
                         [](const auto& info) { return info.param == Precision::tf32 ? "tf32" : "fp32"; });

/// A geometry of the op table, with as many channels.
ConvShape geometry(const rows::Convolution& c, int64_t ci, int64_t co) {
  return {int(c.x[0]), int(c.x[1]), int(c.x[2]), int(ci), int(co), int(c.w[0]), int(c.w[1]), c.stride, c.pad};
}

TEST_P(CudaConv, GeometriesOfTheOpTable) {
  for (const rows::Convolution& c : rows::convolutions) {
    SCOPED_TRACE(c.pattern);
    expect_triad(geometry(c, c.x[3], c.w[3]));
    expect_triad(geometry(c, 5, 7));    // words
    expect_triad(geometry(c, 8, 20));   // groups of four
    expect_triad(geometry(c, 16, 32));  // whole tiles of k
  }
}

TEST_P(CudaConv, OddGeometries) {
  for (const ConvShape& s : {
           ConvShape{2, 5, 4, 8, 3, 3, 3, 1, 3},   // windows that lie wholly in the padding
           ConvShape{2, 3, 3, 5, 8, 2, 2, 1, 6},   // and far out
           ConvShape{2, 9, 9, 6, 4, 2, 2, 5, 0},   // most of x in no window
           ConvShape{2, 11, 6, 5, 6, 5, 2, 3, 2},  // rectangles
           ConvShape{1, 3, 2, 5, 8, 1, 1, 7, 1},   // a stride larger than the image
           ConvShape{3, 1, 1, 32, 5, 3, 3, 2, 1},  // a kernel larger than the image
       })
    expect_triad(s);
}

TEST_P(CudaConv, SeveralTiles) {
  expect_triad({2, 9, 9, 12, 68, 3, 3, 1, 1});
  expect_triad({3, 8, 8, 16, 36, 4, 4, 2, 1});
  expect_triad({2, 10, 7, 33, 17, 3, 3, 2, 1});
}

TEST_P(CudaConv, OperandsThatAreNotAligned) { expect_triad({2, 6, 5, 8, 12, 3, 3, 1, 1}, 1); }

TEST_P(CudaConv, BlocksThatShareATile) {
  const ConvShape s{2, 12, 12, 64, 64, 3, 3, 1, 1};
  for (const Member& member : triad) EXPECT_GT(member.workspace(cuda_stream().device, s), 0) << member.name;
  expect_triad(s);
  expect_triad({4, 8, 8, 48, 48, 4, 4, 2, 1});
}

TEST_P(CudaConv, NoImages) {
  const ConvShape s{0, 5, 5, 8, 4, 3, 3, 1, 1};
  expect_triad(s);
  EXPECT_EQ(on_device(triad[2], s, Operands(triad[2], s)), std::vector<real>(size_t(s.w_size()), 0));
}

TEST_P(CudaConv, SameBitsInAnyOrderOfThreads) {
  for (const ConvShape& s : {ConvShape{2, 6, 7, 32, 24, 3, 3, 1, 1}, ConvShape{2, 6, 6, 20, 9, 4, 4, 2, 1}})
    for (const Member& member : triad) {
      SCOPED_TRACE(member.name);
      const Operands o(member, s);
      same_in_every_order([&] { return on_device(member, s, o); });
    }
}

// ---- Bias and activation in the same kernel

void expect_bias(const ConvShape& s, real slope) {
  SCOPED_TRACE(testing::PrintToString(s) + ", slope " + std::to_string(slope));
  const Operands o(triad[0], s);
  const std::vector<real> bias = random_reals(s.co, 3);
  const auto run = [&](const Stream& stream, const real* x, const real* w, const real* b, real* workspace, real* y) {
    conv2d_bias(stream, s, x, w, b, slope, workspace, y);
  };
  const int64_t size = conv2d_bias_workspace(cuda_stream().device, s);
  DeviceReals x(o.a), w(o.b), b(bias), workspace(size + guard), y(s.y_size() + guard);
  run(cuda_stream(), x.data(), w.data(), b.data(), workspace.data(), y.data());
  std::vector<real> got = y.to_host(), used = workspace.to_host();
  expect_guarded(got, s.y_size(), "the result");
  expect_guarded(used, size, "the workspace");

  std::vector<real> on_host(size_t(conv2d_bias_workspace(cpu_device, s))), expected(size_t(s.y_size()));
  run(cpu_stream, o.a.data(), o.b.data(), bias.data(), on_host.data(), expected.data());
  std::vector<real> bound = on_cpu(triad[0], s, magnitudes(o));
  for (real& value : bound) value += 1;  // the bias
  expect_near(got, expected, bound);
}

TEST_P(CudaConv, BiasAndActivation) {
  for (const real slope : {real(1), real(0.2)}) {
    expect_bias({2, 5, 6, 8, 20, 3, 3, 1, 1}, slope);
    expect_bias({2, 6, 6, 5, 7, 4, 4, 2, 1}, slope);
    expect_bias({2, 8, 8, 3, 8, 4, 4, 2, 1}, slope);    // direct
    expect_bias({2, 7, 7, 64, 12, 3, 3, 1, 1}, slope);  // shared by blocks
  }
}

}  // namespace
}  // namespace erg::kernels
