// The rungs of bench/ladder that run on a GPU, each beside plain loops in double, under several orders of threads.
#include "bench/ladder/check.h"
#include "cuda_runs.h"

namespace erg::ladder {
namespace {

constexpr Device device{Device::Kind::cuda, 0};

class CudaLadder : public testing::Test {
 protected:
  void SetUp() override { ERG_NEEDS_CUDA(); }
};

TEST_F(CudaLadder, ConvolutionsAreRight) {
  const ConvShape shapes[] = {
      {2, 7, 5, 3, 17, 3, 3, 1, 1},   // copied word by word; channels that no tile divides
      {1, 1, 1, 1, 1, 3, 3, 1, 1},    // nothing but padding and one pixel
      {1, 9, 8, 8, 68, 3, 3, 1, 1},   // copied by fours; a second tile of pixels and of channels, both nearly empty
      {1, 5, 6, 12, 8, 5, 1, 1, 2},   // a column of taps, padded beyond its width
      {1, 4, 4, 16, 64, 1, 1, 1, 0},  // one step of k, fewer than stages
  };
  for (const ConvShape& s : shapes) {
    const ConvWork work(s, device);
    for (const ConvRung& rung : conv_rungs(Device::Kind::cuda)) {
      SCOPED_TRACE(rung.name);
      EXPECT_EQ(work.complaint(rung), "");
      test::same_in_every_order([&] { return work.run(rung).to_host(); });
    }
  }
}

TEST_F(CudaLadder, LangevinStepsAreRight) {
  for (const int64_t n : {1, 3, 1024, 2051}) {
    const LangevinWork work(n, device);
    for (const LangevinRung& rung : langevin_rungs(Device::Kind::cuda)) {
      SCOPED_TRACE(rung.name);
      EXPECT_EQ(work.complaint(rung), "");
      test::same_in_every_order([&] { return work.run(rung, work.s).to_host(); });
    }
  }
}

}  // namespace
}  // namespace erg::ladder
