// The rungs of bench/ladder that run on the CPU, each beside plain loops in double, at shapes that no tile divides.
#include <gmock/gmock.h>

#include "bench/ladder/check.h"
#include "kernel_runs.h"

namespace erg::ladder {
namespace {

class KernelLadder : public testing::Test {
 protected:
  void SetUp() override {
    if (!cpu_has_rungs_instructions()) GTEST_SKIP() << "the rungs were compiled for AVX2 and FMA, which this CPU lacks";
  }
};

TEST_F(KernelLadder, ConvolutionsAreRight) {
  const ConvShape shapes[] = {
      {2, 7, 5, 3, 17, 3, 3, 1, 1},   // channels that no tile divides
      {1, 1, 1, 1, 1, 3, 3, 1, 1},    // nothing but padding and one pixel
      {3, 6, 4, 8, 40, 3, 3, 1, 0},   // no padding
      {1, 9, 11, 5, 32, 5, 1, 1, 2},  // a column of taps, padded beyond its width
      {2, 4, 4, 16, 16, 1, 1, 1, 0},  // a matrix product
  };
  for (const ConvShape& s : shapes) {
    const ConvWork work(s, cpu_device);
    for (const ConvRung& rung : conv_rungs(Device::Kind::cpu)) EXPECT_EQ(work.complaint(rung), "");
  }
}

TEST_F(KernelLadder, LangevinStepsAreRight) {
  for (const int64_t n : {1, 3, 1023, 1024, 5001}) {
    const LangevinWork work(n, cpu_device);
    for (const LangevinRung& rung : langevin_rungs(Device::Kind::cpu)) {
      if (rung.own_noise && n < 1000) continue;  // too few for a mean to tell
      EXPECT_EQ(work.complaint(rung), "");
    }
  }
}

/// What the ladder teaches is what the library does: the last rung but one of the Langevin step has its numbers.
TEST_F(KernelLadder, TheLastRungButOneIsNearTheLibrary) {
  const LangevinWork work(3000, cpu_device);
  const auto rungs = langevin_rungs(Device::Kind::cpu);
  const std::vector<real> taught = work.run(rungs[rungs.size() - 2], work.s).to_host();
  const std::vector<real> library = work.run(rungs.back(), work.s).to_host();
  for (size_t i = 0; i < taught.size(); ++i) ASSERT_NEAR(taught[i], library[i], 1e-6) << "element " << i;
}

/// A check that passes whatever comes would be worth nothing.
TEST_F(KernelLadder, AWrongRungIsFound) {
  const ConvWork conv({1, 4, 4, 3, 5, 3, 3, 1, 1}, cpu_device);
  ConvRung forgets{"forgets", "", nullptr, [](const ConvShape&) -> int64_t { return 0; }};
  forgets.run = [](const Stream&, const ConvShape& s, const real* x, const real* w, real*, real* y) {
    conv_1_formula({}, s, x, w, nullptr, y);
    y[s.y_size() - 1] *= real(1.001);
  };
  EXPECT_THAT(conv.complaint(forgets), testing::HasSubstr("forgets: element 79 is"));

  const LangevinWork langevin(2000, cpu_device);
  LangevinRung tame{"tame", "", nullptr, [](int64_t) -> int64_t { return 0; }, true};
  tame.run = [](const Stream& stream, const LangevinUpdate& s, const NoiseKey& key, int64_t n, const real* g,
                real* workspace, real* x) {
    LangevinUpdate half = s;
    half.noise = s.noise / 2;
    langevin_5_products(stream, half, key, n, g, workspace, x);
  };
  EXPECT_THAT(langevin.complaint(tame), testing::HasSubstr("expected 0 and 1"));
  tame.own_noise = false;
  EXPECT_THAT(langevin.complaint(tame), testing::HasSubstr("tame: element 0 is"));
}

}  // namespace
}  // namespace erg::ladder
