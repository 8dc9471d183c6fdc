// Fused convolutions on the device: against the convolution by itself, whose bits they must have, and the CPU's batch
// norm and Langevin step of that.
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "cuda_runs.h"
#include "kernels/conv_fused.h"

namespace erg::kernels {
namespace {

using namespace test;

class CudaConvFused : public testing::Test {
 protected:
  void SetUp() override { ERG_NEEDS_CUDA(); }
};

// ---- Batch norm

/// conv2d or conv2d_dx, each with and without the norm.
struct Member {
  const char* name;
  int64_t (ConvShape::*operand)() const;
  int64_t (ConvShape::*result)() const;
  NormShape (*norm)(const ConvShape&, real, real);
  int64_t (*workspace)(Device, const ConvShape&);
  int64_t (*fused_workspace)(Device, const ConvShape&);
  void (*run)(const ConvShape&, const real* a, const real* w, real* workspace, real* c);
  void (*run_fused)(const ConvShape&, const NormShape&, const real* a, const real* w, const real* gamma,
                    const real* beta, real* workspace, real* c, real* mean, real* rstd, real* y);
};
const Member members[] = {
    {"conv2d", &ConvShape::x_size, &ConvShape::y_size, &norm_after_conv2d, &conv2d_workspace,
     &conv2d_batch_norm_workspace,
     [](const ConvShape& s, const real* a, const real* w, real* workspace, real* c) {
       conv2d(cuda_stream(), s, a, w, workspace, c);
     },
     [](const ConvShape& s, const NormShape& n, const real* a, const real* w, const real* gamma, const real* beta,
        real* workspace, real* c, real* mean, real* rstd, real* y) {
       conv2d_batch_norm(cuda_stream(), s, n.epsilon, n.negative_slope, a, w, gamma, beta, workspace, c, mean, rstd, y);
     }},
    {"conv2d_dx", &ConvShape::y_size, &ConvShape::x_size, &norm_after_conv2d_dx, &conv2d_dx_workspace,
     &conv2d_dx_batch_norm_workspace,
     [](const ConvShape& s, const real* a, const real* w, real* workspace, real* c) {
       conv2d_dx(cuda_stream(), s, a, w, workspace, c);
     },
     [](const ConvShape& s, const NormShape& n, const real* a, const real* w, const real* gamma, const real* beta,
        real* workspace, real* c, real* mean, real* rstd, real* y) {
       conv2d_dx_batch_norm(cuda_stream(), s, n.epsilon, n.negative_slope, a, w, gamma, beta, workspace, c, mean, rstd,
                            y);
     }},
};

struct Normed {
  std::vector<real> conv, mean, rstd, y;
};

struct Operands {
  Operands(const Member& member, const ConvShape& s, int64_t channels)
      : a(shifted(random_reals((s.*member.operand)(), 1))),
        w(random_reals(s.w_size(), 2)),
        gamma(random_reals(channels, 3)),
        beta(random_reals(channels, 4)) {}
  DeviceReals a, w, gamma, beta;

 private:
  /// Means far from zero, so that squares cancel.
  static std::vector<real> shifted(std::vector<real> values) {
    for (real& value : values) value += 3;
    return values;
  }
};

Normed fused(const Member& member, const ConvShape& s, const NormShape& norm, Operands& o) {
  const int64_t size = (s.*member.result)();
  DeviceReals workspace(member.fused_workspace(cuda_stream().device, s)), conv(size), mean(norm.channels),
      rstd(norm.channels), y(size);
  member.run_fused(s, norm, o.a.data(), o.w.data(), o.gamma.data(), o.beta.data(), workspace.data(), conv.data(),
                   mean.data(), rstd.data(), y.data());
  return {conv.to_host(), mean.to_host(), rstd.to_host(), y.to_host()};
}

void expect_batch_norm(const Member& member, const ConvShape& s, real slope) {
  SCOPED_TRACE(member.name + std::string(", n ") + std::to_string(s.n) + ", co " + std::to_string(s.co));
  const NormShape norm = member.norm(s, real(1e-5), slope);
  Operands o(member, s, norm.channels);
  const Normed got = fused(member, s, norm, o);

  DeviceReals workspace(member.workspace(cuda_stream().device, s)), conv((s.*member.result)());
  member.run(s, o.a.data(), o.w.data(), workspace.data(), conv.data());
  EXPECT_TRUE(same_bits(got.conv, conv.to_host()));

  const std::vector<real> gamma = o.gamma.to_host(), beta = o.beta.to_host();
  Normed want{got.conv, std::vector<real>(gamma.size()), std::vector<real>(gamma.size()),
              std::vector<real>(got.conv.size())};
  std::vector<real> on_host(size_t(batch_norm_workspace(cpu_device, norm)));
  batch_norm(cpu_stream, norm, want.conv.data(), gamma.data(), beta.data(), on_host.data(), want.mean.data(),
             want.rstd.data(), want.y.data());
  EXPECT_TRUE(near_each(got.mean, want.mean, 1e-6));
  EXPECT_TRUE(near_each(got.rstd, want.rstd, 1e-5));
  EXPECT_TRUE(near_each(got.y, want.y, 1e-5));
}

// More rows than batch_norm has in one launch, so that the tiles leave sums: several tiles, columns that end within
// one.
const ConvShape many_rows{9, 16, 15, 8, 12, 3, 3, 1, 1};
// The parts of a gradient of stride 2 differ by more than a tile of rows here: some tiles are empty.
const ConvShape uneven_parts{9, 17, 17, 9, 8, 4, 4, 2, 1};

TEST_F(CudaConvFused, BatchNormOfTheTilesSums) {
  for (const auto precision : {cuda::Precision::tf32, cuda::Precision::fp32}) {
    const WithPrecision with(precision);
    for (const real slope : {real(1), real(0.2), real(0)}) expect_batch_norm(members[0], many_rows, slope);
    expect_batch_norm(members[1], many_rows, 0);
    expect_batch_norm(members[1], uneven_parts, real(0.2));
    expect_batch_norm(members[0], {40, 8, 8, 8, 136, 1, 1, 1, 0}, 0);  // two tiles of columns
  }
}

TEST_F(CudaConvFused, BatchNormWhereNoTileLeavesSums) {
  for (const Member& member : members) {
    expect_batch_norm(member, {2, 5, 6, 8, 12, 3, 3, 1, 1}, 0);    // few rows
    expect_batch_norm(member, {2, 6, 6, 64, 64, 3, 3, 1, 1}, 1);   // blocks share tiles
    expect_batch_norm(member, {10, 16, 16, 3, 8, 3, 3, 1, 1}, 0);  // direct
  }
}

TEST_F(CudaConvFused, BatchNormHasTheSameBitsInAnyOrderOfThreads) {
  for (const Member& member : members) {
    const NormShape norm = member.norm(uneven_parts, real(1e-5), 0);
    Operands o(member, uneven_parts, norm.channels);
    same_in_every_order([&] {
      Normed n = fused(member, uneven_parts, norm, o);
      n.y.insert(n.y.end(), n.mean.begin(), n.mean.end());
      return n.y;
    });
  }
}

// ---- Langevin

std::vector<real> moved_by_one_launch(const ConvShape& s, const LangevinUpdate& update, NoiseKey key) {
  DeviceReals dy(random_reals(s.y_size(), 1)), w(random_reals(s.w_size(), 2)), x(random_reals(s.x_size(), 3)),
      workspace(conv2d_dx_langevin_workspace(cuda_stream().device, s));
  DeviceArray<uint32_t> step(std::vector<uint32_t>{5});
  key.step = step.data();
  conv2d_dx_langevin_(cuda_stream(), s, dy.data(), w.data(), update, key, workspace.data(), x.data());
  return x.to_host();
}

std::vector<real> moved_by_two(const ConvShape& s, const LangevinUpdate& update, NoiseKey key) {
  DeviceReals dy(random_reals(s.y_size(), 1)), w(random_reals(s.w_size(), 2)), x(random_reals(s.x_size(), 3)),
      workspace(conv2d_dx_workspace(cuda_stream().device, s)), gradient(s.x_size());
  DeviceArray<uint32_t> step(std::vector<uint32_t>{5});
  key.step = step.data();
  conv2d_dx(cuda_stream(), s, dy.data(), w.data(), workspace.data(), gradient.data());
  langevin_(cuda_stream(), update, key, s.x_size(), gradient.data(), x.data());
  return x.to_host();
}

const ConvShape images[] = {
    {3, 9, 7, 3, 20, 3, 3, 1, 1},   // an odd number of elements, so that images begin within a block of the noise
    {2, 8, 8, 1, 16, 4, 4, 2, 1},   //
    {2, 11, 6, 2, 8, 5, 5, 2, 2},   //
    {1, 6, 6, 4, 8, 1, 1, 1, 0},    //
    {2, 6, 6, 3, 8, 3, 3, 3, 0},    // pixels of several residues, in launches that are not contiguous
    {2, 5, 5, 12, 16, 3, 3, 1, 1},  // too many channels for the direct kernel
};

TEST_F(CudaConvFused, LangevinStepIsThatOfTwoLaunches) {
  const real none = std::numeric_limits<real>::infinity();
  for (const ConvShape& s : images)
    for (const int64_t first : {0, 4, 7})
      for (const LangevinUpdate& update :
           {LangevinUpdate{real(0.1), real(0.5), -none, none, none}, LangevinUpdate{real(0.1), 0, -none, none, none},
            LangevinUpdate{1, real(0.3), -1, 1, real(0.4)}}) {
        const NoiseKey key{0x123456789abcdefu, 17, nullptr, first};
        EXPECT_TRUE(near_each(moved_by_one_launch(s, update, key), moved_by_two(s, update, key), 1e-6))
            << s.h << "x" << s.w << "x" << s.ci << ", first " << first << ", noise " << update.noise;
      }
}

TEST_F(CudaConvFused, LangevinStepHasTheSameBitsInAnyOrderOfThreads) {
  const NoiseKey key{1, 2, nullptr, 3};
  const LangevinUpdate update{real(0.1), real(0.5), -1, 1, 1};
  same_in_every_order([&] { return moved_by_one_launch(images[0], update, key); });
}

}  // namespace
}  // namespace erg::kernels
