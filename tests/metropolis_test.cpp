// The accept step's kernel and the search for numbers that are none, case by case.
#include <gmock/gmock.h>

#include <limits>

#include "kernel_runs.h"
#include "kernels/metropolis.h"

namespace erg::test {
namespace {

using namespace kernels;
using testing::Each;
using testing::ElementsAre;

constexpr real infinite = std::numeric_limits<real>::infinity(), nan = std::numeric_limits<real>::quiet_NaN();

struct Decision {
  std::vector<real> acceptance, x, gradient, energy;
};

/// Chains of two elements at 0, with proposals at 1.
Decision decide(const std::vector<real>& log_ratio, const std::vector<real>& uniform) {
  const int64_t chains = int64_t(log_ratio.size());
  const std::vector<real> proposed(size_t(2 * chains), 1);
  Decision d{nan_filled(chains), std::vector<real>(size_t(2 * chains)), std::vector<real>(size_t(2 * chains)),
             std::vector<real>(size_t(chains))};
  metropolis_(cpu_stream, log_ratio.data(), uniform.data(),
              {chains, 2, proposed.data(), proposed.data(), proposed.data()}, d.acceptance.data(),
              {chains, 2, d.x.data(), d.gradient.data(), d.energy.data()});
  return d;
}

TEST(Metropolis, MovesEachChainByItsOwnRatio) {
  const real half = std::log(real(0.5));
  const Decision d = decide({half, half, 0, 5, infinite}, {real(0.4), real(0.6), 0, real(0.999), real(0.999)});
  EXPECT_THAT(d.energy, ElementsAre(0, 1, 1, 1, 1)) << "accepted where log(1 - u) <= ratio";
  EXPECT_THAT(d.x, ElementsAre(0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
  EXPECT_EQ(d.x, d.gradient);
  EXPECT_THAT(d.acceptance, testing::Pointwise(testing::FloatNear(1e-6f), {0.5, 0.5, 1., 1., 1.}));
}

TEST(Metropolis, NeverAcceptsWhatCannotBe) {
  for (const real u : {real(0), real(0.5), std::nextafter(real(1), real(0))}) {
    const Decision d = decide({-1000, -infinite, nan}, {u, u, u});
    EXPECT_THAT(d.energy, Each(0)) << u;
    EXPECT_THAT(d.acceptance, Each(0)) << u;
  }
}

TEST(Metropolis, TakesNoChains) { EXPECT_TRUE(decide({}, {}).energy.empty()); }

TEST(FindNonfinite, FindsTheFirst) {
  const auto found = [](const std::vector<real>& x) {
    int64_t index = -1;
    find_nonfinite(cpu_stream, int64_t(x.size()), x.data(), &index);
    return index;
  };
  EXPECT_EQ(found({}), 0);
  EXPECT_EQ(found({1, 2, 3}), 3);
  EXPECT_EQ(found({1, nan, infinite}), 1);
  EXPECT_EQ(found({-infinite}), 0);
  EXPECT_EQ(found({1, std::numeric_limits<real>::max(), infinite}), 2);
}

}  // namespace
}  // namespace erg::test
