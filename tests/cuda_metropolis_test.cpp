// Accept steps and the search for non-finite numbers on the device: against the CPU, for rows of every length that
// divides a block differently.
#include "cuda_runs.h"
#include "kernels/metropolis.h"

namespace erg::test {
namespace {

using namespace kernels;

constexpr real infinity = std::numeric_limits<real>::infinity(), nan = std::numeric_limits<real>::quiet_NaN();

class CudaMetropolis : public testing::Test {
 protected:
  void SetUp() override { ERG_NEEDS_CUDA(); }
};

/// Log-ratios of every kind, for chains in turn, and a uniform number for each.
struct Decisions {
  std::vector<real> log_ratio, uniform;

  explicit Decisions(int64_t chains) : uniform(random_reals(chains, 1, 0, 1)) {
    const real ratios[] = {0, real(-0.5), real(-2), 5, nan, -infinity, infinity, real(-0.1), -200};
    for (int64_t b = 0; b < chains; ++b) log_ratio.push_back(ratios[b % std::size(ratios)]);
  }
};

struct State {
  std::vector<real> x, gradient, energy, acceptance;
  State(int64_t chains, int64_t n, unsigned seed)
      : x(random_reals(chains * n, seed)),
        gradient(random_reals(chains * n, seed + 1)),
        energy(random_reals(chains, seed + 2)),
        acceptance(nan_filled(chains)) {}
};

void expect_same_decisions(int64_t chains, int64_t n, int64_t offset) {
  const Decisions decisions(chains);
  const State proposal(chains, n, 10);
  State expected(chains, n, 20);
  const DeviceReals ratio(decisions.log_ratio), uniform(decisions.uniform);
  const DeviceReals new_x(proposal.x, offset), new_gradient(proposal.gradient, offset), new_energy(proposal.energy);
  DeviceReals x(expected.x, offset), gradient(expected.gradient), energy(expected.energy), acceptance(chains);
  metropolis_(cuda_stream(), ratio.data(), uniform.data(),
              {chains, n, new_x.data(), new_gradient.data(), new_energy.data()}, acceptance.data(),
              {chains, n, x.data(), gradient.data(), energy.data()});
  metropolis_(cpu_stream, decisions.log_ratio.data(), decisions.uniform.data(),
              {chains, n, proposal.x.data(), proposal.gradient.data(), proposal.energy.data()},
              expected.acceptance.data(),
              {chains, n, expected.x.data(), expected.gradient.data(), expected.energy.data()});
  EXPECT_TRUE(same_bits(x.to_host(), expected.x));
  EXPECT_TRUE(same_bits(gradient.to_host(), expected.gradient));
  EXPECT_TRUE(same_bits(energy.to_host(), expected.energy));
  EXPECT_TRUE(near_each(acceptance.to_host(), expected.acceptance, 1e-6));
}

TEST_F(CudaMetropolis, DecidesAsTheCpu) {
  for (const int64_t chains : {0, 1, 9, 300})
    for (const int64_t n : {0, 1, 2, 3, 4, 37, 256, 260})
      for (const int64_t offset : {0, 1}) {
        SCOPED_TRACE(std::to_string(chains) + " chains of " + std::to_string(n) + ", offset " + std::to_string(offset));
        expect_same_decisions(chains, n, offset);
      }
}

TEST_F(CudaMetropolis, LongRowsAreSharedAmongBlocks) {
  for (const int64_t n : {5001, 20000}) expect_same_decisions(9, n, 0);
}

TEST_F(CudaMetropolis, NeverAcceptsWhatCannotBe) {
  const real just_below_one = std::nextafter(real(1), real(0));
  const DeviceReals ratio(std::vector<real>{-1000, -infinity, nan, -1000, -infinity, nan});
  const DeviceReals uniform(std::vector<real>{0, 0, 0, just_below_one, just_below_one, just_below_one});
  const DeviceReals proposed(std::vector<real>(6, 1));
  DeviceReals x(std::vector<real>(6, 0)), gradient(std::vector<real>(6, 0)), energy(std::vector<real>(6, 0)),
      acceptance(6);
  metropolis_(cuda_stream(), ratio.data(), uniform.data(), {6, 1, proposed.data(), proposed.data(), proposed.data()},
              acceptance.data(), {6, 1, x.data(), gradient.data(), energy.data()});
  for (const DeviceReals* zeros : {&x, &gradient, &energy, &acceptance})
    EXPECT_EQ(zeros->to_host(), std::vector<real>(6, 0));
}

int64_t found(const std::vector<real>& x, int64_t offset = 0) {
  const DeviceReals values(x, offset);
  DeviceArray<int64_t> index(1);
  find_nonfinite(cuda_stream(), values.size(), values.data(), index.data());
  return index.to_host()[0];
}

TEST_F(CudaMetropolis, FindsTheFirstNonfinite) {
  EXPECT_EQ(found({}), 0);
  EXPECT_EQ(found({1, 2, 3}), 3);
  EXPECT_EQ(found({1, nan, infinity}), 1);
  EXPECT_EQ(found({-infinity}), 0);
  EXPECT_EQ(found({1, std::numeric_limits<real>::max(), infinity}), 2);
}

TEST_F(CudaMetropolis, FindsTheFirstOfManyInAnyOrder) {
  const int64_t n = 200003;
  const std::vector<real> sound = random_reals(n, 1);
  EXPECT_EQ(found(sound, 1), n);
  for (const int64_t first : {int64_t(0), int64_t(77), int64_t(150002), n - 1})
    for (const int64_t offset : {0, 1}) {
      std::vector<real> x = sound;
      for (int64_t i = first; i < n; i += 1 + i % 5000) x[size_t(i)] = i % 2 ? nan : -infinity;
      const std::vector<real> index = same_in_every_order([&] { return std::vector<real>{real(found(x, offset))}; });
      EXPECT_EQ(int64_t(index[0]), first);
    }
}

}  // namespace
}  // namespace erg::test
