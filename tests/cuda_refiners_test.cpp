// Refiners of a GAN on a CUDA device: the samples that the CPU finds.
#include <gtest/gtest.h>

#include "cuda_runs.h"
#include "refiner_cases.h"

namespace erg::test {
namespace {

TEST(CudaRefiners, FindTheSamplesThatTheCpuFinds) {
  ERG_NEEDS_CUDA();
  constexpr Device cuda_device{Device::Kind::cuda, 0};
  const WithPrecision fp32(kernels::cuda::Precision::fp32);
  for (const RefinerCase& refiner : refiner_cases()) {
    const auto refined = [&](Device device) {
      Noise noise(18, "test", device);
      return refiner.sample(small_gan(device), 70, noise);
    };
    const Refined there = refined(cuda_device), here = refined(cpu_device);
    EXPECT_EQ(there.samples.device(), cuda_device) << refiner.name;
    const auto got = there.samples.to_host(), expected = here.samples.to_host();
    ASSERT_EQ(got.size(), expected.size()) << refiner.name;
    for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-3) << refiner.name << " " << i;
    EXPECT_NEAR(there.acceptance, here.acceptance, 1e-4) << refiner.name;
    EXPECT_EQ(there.calls, here.calls) << refiner.name;
  }
}

}  // namespace
}  // namespace erg::test
