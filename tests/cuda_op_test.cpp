// Every row of the op table on a CUDA device: its value, its gradients and the gradients of those are the CPU's, and
// every element is written.
#include <gtest/gtest.h>

#include "cuda_runs.h"
#include "engine/tape.h"
#include "op_cases.h"

namespace erg::test {
namespace {

constexpr Device cuda_device{Device::Kind::cuda, 0};

Inputs on(Device device, const Inputs& x) {
  Inputs there;
  for (const Tensor& t : x) there.push_back(t.to(device).clone());
  return there;
}

/// The output, the gradients of its sum of squares, and the gradients of those gradients' sum of squares.
std::vector<std::vector<real>> values_of(const OpCase& row, const Inputs& x) {
  Tape tape;
  tape.watch(x);
  const Tensor y = row.f(x);
  std::vector<std::vector<real>> values{y.to_host()};
  Tensor squares = Tensor::zeros({}, y.device());
  for (const Tensor& g : tape.grad(sum(square(y)), x, Keep::graph)) {
    values.push_back(g.to_host());
    squares = squares + sum(square(g));
  }
  for (const Tensor& g : tape.grad(squares, x)) values.push_back(g.to_host());
  return values;
}

class CudaOp : public testing::TestWithParam<OpCase> {
 protected:
  void SetUp() override { ERG_NEEDS_CUDA(); }
  const OpCase row_ = GetParam();
  const Inputs x_ = draw_inputs(row_);
};

TEST_P(CudaOp, AgreesWithTheCpu) {
  const WithPrecision fp32(kernels::cuda::Precision::fp32);
  const auto expected = values_of(row_, x_), got = values_of(row_, on(cuda_device, x_));
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    // The last results are differences of derivatives, where the rounding of the largest weighs on all: most so behind
    // a batch norm, whose squares have a sum that hardly depends on x.
    double largest = 1;
    for (const real value : expected[i]) largest = std::max(largest, std::abs(double(value)));
    const bool second = i > x_.size();
    EXPECT_TRUE(near_each(got[i], expected[i], second ? 1e-3 * largest : 1e-5)) << "result " << i;
  }
}

TEST_P(CudaOp, WritesItsWholeOutput) {
  const Inputs x = on(cuda_device, x_);
  Pool::of(cuda_device).poison(true);
  const auto values = values_of(row_, x);
  Pool::of(cuda_device).poison(false);
  for (const auto& result : values)
    for (const real value : result) ASSERT_TRUE(std::isfinite(value));
}

TEST_P(CudaOp, IsNearInTf32) {
  if (!row_.op.starts_with("conv2d") && row_.op != "matmul") GTEST_SKIP() << "no product in it";
  const WithPrecision tf32(kernels::cuda::Precision::tf32);
  EXPECT_LE(relative_distance(row_.f(on(cuda_device, x_)).to_host(), row_.f(x_).to_host()), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Ops, CudaOp, testing::ValuesIn(op_cases()),
                         [](const auto& info) { return identifier(info.param); });

TEST(CudaTensor, TravelsToTheDeviceAndBack) {
  ERG_NEEDS_CUDA();
  const std::vector<real> values = random_reals(100003, 1);
  const Tensor x = Tensor::from_host({100003}, values, cuda_device);
  EXPECT_EQ(x.device(), cuda_device);
  EXPECT_EQ(x.to_host(), values);
  EXPECT_EQ(x.to(cpu_device).to_host(), values);
  EXPECT_EQ(x.clone().to_host(), values);
  EXPECT_EQ(Tensor::full({1}, 3, cuda_device).item(), 3);
}

TEST(CudaTensor, MoreThanTheStagingMemoryHolds) {
  ERG_NEEDS_CUDA();
  const std::vector<real> values = random_reals(9 << 20, 2);
  EXPECT_EQ(Tensor::from_host({9 << 20}, values, cuda_device).to_host(), values);
}

TEST(CudaTensor, ADeviceThereIsNot) {
  ERG_NEEDS_CUDA();
  EXPECT_THROW(Tensor::zeros({1}, {Device::Kind::cuda, 99}), DeviceError);
  EXPECT_THROW(device_named("cuda:99"), DeviceError);
  EXPECT_THROW(device_named("gpu"), std::invalid_argument);
  EXPECT_EQ(device_named("cuda"), cuda_device);
}

TEST(CudaPool, OutOfDeviceMemorySaysHowMuchThereIs) {
  ERG_NEEDS_CUDA();
  const int64_t all = kernels::cuda::device_info(0).memory_bytes;
  try {
    Tensor::empty({2 * all / int64_t(sizeof(real))}, cuda_device);
    FAIL() << "twice the memory was found";
  } catch (const std::bad_alloc& error) { EXPECT_NE(std::string(error.what()).find("MiB"), std::string::npos); }
  EXPECT_EQ(Tensor::full({2}, 1, cuda_device).to_host(), (std::vector<real>{1, 1})) << "the device still works";
}

TEST(CudaPool, TheDriverIsNotAskedAgain) {
  ERG_NEEDS_CUDA();
  const auto work = [] {
    Tensor x = Tensor::ones({100, 10}, cuda_device);
    for (int i = 0; i < 3; ++i) x = tanh(x + real(0.5));
    return sum(x);
  };
  work();
  const auto before = kernels::cuda::counters();
  work();
  const auto after = kernels::cuda::counters();
  EXPECT_EQ(after.allocations, before.allocations);
  EXPECT_EQ(after.synchronisations, before.synchronisations);
}

}  // namespace
}  // namespace erg::test
