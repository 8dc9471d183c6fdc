// One training step of each system, and a step of each sampler, on a CUDA device: what the CPU computes, without the
// host waiting for the device and without asking it for memory after the first step.
#include <gtest/gtest.h>

#include "cuda_runs.h"
#include "samplers/hmc.h"
#include "samplers/langevin.h"
#include "samplers/mala.h"
#include "samplers/preconditioned.h"
#include "samplers/underdamped.h"
#include "tools/recipes/recipes.h"

namespace erg::test {
namespace {

constexpr Device cuda_device{Device::Kind::cuda, 0};

struct System {
  std::string name, data;
  Shape sample;
};

void PrintTo(const System& system, std::ostream* out) { *out << system.name << " on " << system.data; }

tools::Settings small_settings(const System& system, const char* device) {
  tools::Settings s = tools::preset(system.name, system.data, "small");
  s.device = device;
  s.batch = 4;
  s.latent = 3;
  s.width = system.sample.rank() == 3 ? 4 : 16;
  s.chain_steps = 2;
  s.buffer = 8;
  // The last bias of a Wasserstein critic has the gradient zero, and RMSProp makes a whole step of its rounding.
  if (system.name == "wgan") s.rate = 1e-6;
  return s;
}

/// A system on a device, fed with the same data everywhere.
class Training {
 public:
  Training(const System& system, const char* device)
      : settings_(small_settings(system, device)),
        device_(tools::device_of(settings_)),
        trainer_(tools::make_trainer(settings_, system.sample)),
        shape_{settings_.batch} {
    for (const int64_t extent : system.sample) shape_.push_back(extent);
  }

  Metrics step() {
    return trainer_->step([this] { return data_.uniform(shape_, -1, 1).to(device_); });
  }
  /// Every tensor of the system whose name ends so, in one row.
  std::vector<real> state(std::string_view ending) {
    std::vector<real> all;
    for (const Visitor::Entry& e : entries(*trainer_))
      if (e.tensor && e.name.ends_with(ending))
        for (const real value : e.tensor->to_host()) all.push_back(value);
    return all;
  }

 private:
  tools::Settings settings_;
  Device device_;
  std::unique_ptr<tools::Trainer> trainer_;
  Shape shape_;
  Noise data_{1, "data"};
};

class CudaTraining : public testing::TestWithParam<System> {
 protected:
  void SetUp() override { ERG_NEEDS_CUDA(); }
};

TEST_P(CudaTraining, AStepIsTheCpus) {
  const WithPrecision fp32(kernels::cuda::Precision::fp32);
  Training cpu(GetParam(), "cpu"), cuda(GetParam(), "cuda");
  EXPECT_EQ(cpu.state("weight"), cuda.state("weight")) << "the initial weights";
  const Metrics expected = cpu.step(), got = cuda.step();
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i].value.item(), expected[i].value.item(), 1e-4 * (1 + std::abs(expected[i].value.item())))
        << got[i].name;
  // But for a factor Adam's first moments are the gradients, and RMSProp's their squares.
  const bool rmsprop = GetParam().name == "wgan";
  const char* moments = rmsprop ? "rmsprop.v" : "adam.m";
  const std::vector<real> gradients = cpu.state(moments);
  EXPECT_GT(gradients.size(), 100u);
  EXPECT_LE(relative_distance(cuda.state(moments), gradients), rmsprop ? 2e-3 : 1e-3);
}

TEST_P(CudaTraining, NobodyWaitsAndNothingIsAllocatedAfterTheFirstSteps) {
  Training training(GetParam(), "cuda");
  for (int i = 0; i < 3; ++i) training.step();
  const auto before = kernels::cuda::counters();
  for (int i = 0; i < 2; ++i) training.step();
  const auto after = kernels::cuda::counters();
  EXPECT_EQ(after.synchronisations, before.synchronisations);
  EXPECT_EQ(after.allocations, before.allocations);
}

INSTANTIATE_TEST_SUITE_P(Systems, CudaTraining,
                         testing::Values(System{"gan", "25gaussians", {2}}, System{"lsgan", "25gaussians", {2}},
                                         System{"f-gan", "25gaussians", {2}}, System{"wgan", "25gaussians", {2}},
                                         System{"wgan-gp", "25gaussians", {2}}, System{"sngan", "25gaussians", {2}},
                                         System{"unrolled", "25gaussians", {2}}, System{"veegan", "25gaussians", {2}},
                                         System{"ddgm", "25gaussians", {2}}, System{"ebm", "25gaussians", {2}},
                                         System{"meg", "25gaussians", {2}}, System{"gan", "mnist", {28, 28, 1}},
                                         System{"wgan-gp", "mnist", {28, 28, 1}}, System{"ebm", "mnist", {28, 28, 1}},
                                         System{"meg", "mnist", {28, 28, 1}}, System{"ebgan", "mnist", {28, 28, 1}}),
                         [](const auto& info) {
                           std::string name = info.param.name + "_" + info.param.data;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// ---- Samplers

Energy double_well() {
  return [](const Tensor& x) { return sum_per_sample(square(square(x) - 1)); };
}

/// Where chains are after some steps, and their energies on the way.
template <class S>
std::vector<real> chain(const S& sampler, Device device, int64_t steps) {
  Noise noise(7, "chain", device);
  Chains chains(noise.normal({5, 3}));
  const Trace trace = advance(sampler, double_well(), chains, steps, noise);
  std::vector<real> all = chains.x.to_host();
  for (const real energy : trace.energy.to_host()) all.push_back(energy);
  return all;
}

template <class S>
void expect_the_same_chain(const S& sampler) {
  EXPECT_TRUE(near_each(chain(sampler, cuda_device, 8), chain(sampler, cpu_device, 8), 1e-4));
}

TEST(CudaSamplers, FollowTheCpusChains) {
  ERG_NEEDS_CUDA();
  expect_the_same_chain(Langevin::exact(real(0.02)));
  expect_the_same_chain(Langevin::igebm());
  expect_the_same_chain(Mala{real(0.02)});
  expect_the_same_chain(Hmc{.step_size = real(0.1), .leapfrog_steps = 3});
  expect_the_same_chain(Underdamped{real(0.1)});
  expect_the_same_chain(Preconditioned{real(0.01)});
}

TEST(CudaSamplers, ALangevinStepNeitherWaitsNorAllocates) {
  ERG_NEEDS_CUDA();
  const Langevin langevin = Langevin::exact(real(0.02));
  Noise noise(7, "chain", cuda_device);
  Chains chains(noise.normal({5, 3}));
  for (int i = 0; i < 2; ++i) langevin.step(double_well(), chains, noise);
  const auto before = kernels::cuda::counters();
  for (int i = 0; i < 3; ++i) langevin.step(double_well(), chains, noise);
  const auto after = kernels::cuda::counters();
  EXPECT_EQ(after.synchronisations, before.synchronisations);
  EXPECT_EQ(after.allocations, before.allocations);
}

TEST(CudaSamplers, ADivergingChainIsNamed) {
  ERG_NEEDS_CUDA();
  Noise noise(7, "chain", cuda_device);
  Chains chains(noise.normal({5, 3}));
  try {
    advance(Langevin::exact(real(1e10)), double_well(), chains, 50, noise);
    FAIL() << "a step of 1e10 went well";
  } catch (const DivergedError& error) {
    EXPECT_GE(error.step, 1);
    EXPECT_LT(error.chain, 5);
    EXPECT_FALSE(std::isfinite(error.value));
  }
}

}  // namespace
}  // namespace erg::test
