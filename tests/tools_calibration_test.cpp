// The law of a calibrated logit's Z statistic, and what calibration makes of a distorted one.
#include <gmock/gmock.h>

#include "laws.h"
#include "models/calibration.h"
#include "tools/metrics/calibration.h"

namespace erg::test {
namespace {

/// Real samples of N(1/2, 1) and fakes of N(-1/2, 1): log p/q = x exactly.
Scores exact_logits(int64_t reals, int64_t fakes, Noise& noise) {
  return {noise.normal({reals}) + real(0.5), noise.normal({fakes}) - real(0.5)};
}

template <class Map>
Scores mapped(const Scores& scores, const Map& map) {
  return {map(scores.real), map(scores.fake)};
}

double z_of(const Scores& logits) { return tools::calibration(logits.real, logits.fake).z; }

/// 500 sets of 400 samples, each real or fake by a fair coin.
TEST(ZStatistic, IsStandardNormalForCalibratedLogits) {
  Noise noise(8, "test"), coins(9, "test");
  std::vector<real> z, shifted;
  for (int k = 0; k < 500; ++k) {
    int64_t reals = 0;
    for (const int64_t side : coins.integers(400, 2)) reals += side;
    const Scores logits = exact_logits(reals, 400 - reals, noise);
    z.push_back(real(z_of(logits)));
    shifted.push_back(real(z_of(mapped(logits, Beta1{real(0.5), 1}))));
  }
  const auto sample = [](const std::vector<real>& values) { return Tensor::from_host({500}, values); };
  expect_normal_law(sample(z), 0, 1);
  EXPECT_LT(kolmogorov(sample(z), normal_law(0, 1)), 2.3);
  EXPECT_LT(moments(sample(shifted)).mean, -3) << "half a unit too sure";
}

TEST(ZStatistic, IsRestoredByAFitOnOtherSamples) {
  Noise noise(10, "test");
  const auto distort = [](const Tensor& x) { return 2 * x + 1; };
  const Scores seen = mapped(exact_logits(20000, 20000, noise), distort);
  const Scores held_out = mapped(exact_logits(1000, 1000, noise), distort);
  EXPECT_LT(z_of(held_out), -5);
  EXPECT_NEAR(z_of(mapped(held_out, Beta1::fit(seen))), 0, 4);
  EXPECT_NEAR(z_of(mapped(held_out, Beta2::fit(seen))), 0, 4);
  EXPECT_NEAR(z_of(mapped(held_out, Isotonic::fit(seen))), 0, 4);
}

}  // namespace
}  // namespace erg::test
