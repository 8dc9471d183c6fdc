// Samplers against their laws: Langevin's stationary variances, DDLS and contrastive divergence in one dimension, where
// the answer is known. Seeds are fixed, and each bound is a number of standard errors.
#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include "engine/tape.h"
#include "laws.h"
#include "models/ddls.h"
#include "models/ebm.h"
#include "models/nets.h"
#include "samplers/langevin.h"
#include "samplers/replay.h"

namespace erg::test {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr int64_t chains = 40000;

// ---- Langevin

TEST(Langevin, TheUnadjustedLawHasItsKnownVariance) {
  for (const real eta : {real(0.02), real(0.2), real(1)}) {
    Noise noise(1, "test");
    // The memory of the start fades as (1 - eta)^steps.
    const Tensor x = run(Langevin::exact(eta), quadratic, noise.normal({chains, 1}), int64_t(6 / eta) + 2, noise);
    expect_normal_law(x, 0, 1 / (1 - double(eta) / 2));
  }
}

TEST(Langevin, EachDimensionOfAChainHasTheLaw) {
  Noise noise(2, "test");
  const Tensor x = run(Langevin::exact(real(0.2)), quadratic, noise.normal({chains / 10, 2, 5}), 40, noise);
  EXPECT_EQ(x.shape(), (Shape{chains / 10, 2, 5}));
  expect_normal_law(x, 0, 1 / (1 - 0.1));
}

TEST(Langevin, NoiseFirstHasASmallerVariance) {
  Noise noise(3, "test");
  Langevin sampler = Langevin::exact(real(0.2));
  sampler.noise_first = true;
  expect_normal_law(run(sampler, quadratic, noise.normal({chains, 1}), 40, noise), 0, 0.8 * 0.8 / (1 - 0.1));
}

TEST(Langevin, TemperedSamplesItsTemperature) {
  Noise noise(4, "test");
  const Langevin sampler = Langevin::tempered(real(0.1), real(0.2));
  EXPECT_NEAR(sampler.temperature(), 0.2, 1e-6);
  expect_normal_law(run(sampler, quadratic, Tensor::zeros({chains, 1}), 100, noise), 0, 0.2 / (1 - 0.05));
}

TEST(Langevin, TheTextbooksStepIsHalfOfOurs) {
  Noise a(5, "test"), b(5, "test");
  const Tensor start = Tensor::ones({100, 2});
  const auto ours = run(Langevin::exact(real(0.125)), quadratic, start, 10, a).to_host();
  EXPECT_EQ(run(Langevin::ddls(real(0.25)), quadratic, start, 10, b).to_host(), ours);
  EXPECT_NEAR(Langevin::ddls(real(0.25)).temperature(), 1, 1e-6);
  EXPECT_NEAR(Langevin::igebm().temperature(), 1.25e-6, 1e-8);
  EXPECT_NEAR(Langevin::jem().temperature(), 5e-5, 1e-8);
}

TEST(Langevin, ClipsTheGradient) {
  Noise noise(6, "test");
  Langevin sampler = Langevin::tempered(1, 0);
  sampler.grad_clip = real(0.25);
  const Tensor x = Tensor::from_host({3, 1}, std::vector<real>{100, -100, real(0.125)});
  EXPECT_THAT(run(sampler, quadratic, x, 3, noise).to_host(), testing::ElementsAre(99.25f, -99.25f, 0));
}

TEST(Langevin, ClampsTheChain) {
  Noise noise(7, "test");
  const auto steep = [](const Tensor& x) { return sum_per_sample(x) * 1000; };
  // The clipped gradient is 0.01 and the drift 10: a tenth a step, and the noise is far smaller.
  const Tensor once = run(Langevin::igebm(), steep, Tensor::full({50, 2}, real(0.5)), 1, noise);
  EXPECT_NEAR(moments(once).mean, 0.4, 4.5 * 0.005 / 10);
  EXPECT_NEAR(std::sqrt(moments(once).variance), 0.005, 4.5 * 0.005 / std::sqrt(200.0));
  EXPECT_THAT(run(Langevin::igebm(), steep, once, 20, noise).to_host(), testing::Each(0));

  Langevin box = Langevin::exact(real(0.5));
  box.low = -1, box.high = real(0.5);
  const auto inside = run(box, quadratic, Tensor::zeros({1000, 1}), 20, noise).to_host();
  EXPECT_EQ(*std::min_element(inside.begin(), inside.end()), -1);
  EXPECT_EQ(*std::max_element(inside.begin(), inside.end()), real(0.5));
}

TEST(Langevin, LeavesItsStartAloneAndMayTakeNoStep) {
  Noise noise(8, "test");
  const Tensor start = Tensor::ones({4, 2});
  const uint32_t version = start.version(), step = noise.step();
  const Tensor same = run(Langevin::exact(real(0.1)), quadratic, start, 0, noise);
  EXPECT_EQ(same.to_host(), start.to_host());
  EXPECT_NE(same.data(), start.data());
  EXPECT_EQ(noise.step(), step);
  run(Langevin::exact(real(0.1)), quadratic, start, 5, noise);
  EXPECT_THAT(start.to_host(), testing::Each(1));
  EXPECT_EQ(start.version(), version);
  EXPECT_EQ(noise.step(), step + 5) << "one draw a step";
}

TEST(Langevin, ChainsDoNotSeeEachOther) {
  Noise noise(9, "test"), again(9, "test");
  const Tensor start = Tensor::ones({4, 2});
  const auto all = run(Langevin::exact(real(0.1)), quadratic, start, 5, noise).to_host();
  const auto first = run(Langevin::exact(real(0.1)), quadratic, slice(start, 0, 0, 1), 5, again).to_host();
  EXPECT_EQ(first, std::vector(all.begin(), all.begin() + 2));
}

TEST(Langevin, RecordsNothingOnATapeAround) {
  Noise noise(10, "test");
  Sequential net = mlp({2, 4, 1}, noise);
  Tape tape;
  tape.watch(params(net));
  const size_t leaves = tape.size();
  const Tensor x = run(
      Langevin::exact(real(0.1)), [&](const Tensor& t) { return scores(net(t, Mode::eval)); }, Tensor::ones({4, 2}), 3,
      noise);
  EXPECT_EQ(tape.size(), leaves);
  EXPECT_FALSE(tape.knows(x));
}

TEST(Langevin, RefusesWhatIsNoStep) {
  Noise noise(11, "test");
  const Tensor x = Tensor::ones({2, 1});
  EXPECT_THAT([&] { run(Langevin::exact(0), quadratic, x, 1, noise); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("[langevin]")));
  EXPECT_THAT([&] { run(Langevin::exact(-1), quadratic, x, 1, noise); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("positive")));
  EXPECT_THAT([&] { run(Langevin::exact(1), quadratic, x, -1, noise); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("-1")));
}

// ---- DDLS, end to end in one dimension

/// G(z) = scale z + shift makes q = N(shift, scale^2); d = log p/q with p = N(1, 0.7^2) is then known, and the chain in
/// z must give samples of p. In x its drift is that of a Gaussian with curvature k = scale^2 / 0.49.
TEST(Ddls, ReturnsTheDataAlthoughTheGeneratorIsAnother) {
  const double mean = 1, deviation = 0.7;
  struct Generator {
    double scale, shift;
  };
  for (const Generator g : {Generator{1, 0}, Generator{2, 1}, Generator{-1.5, 3}}) {
    const double scale = g.scale, shift = g.shift;
    Noise noise(12, "test");
    const auto generate = [=](const Tensor& z) { return affine(z, real(scale), real(shift)); };
    const auto gaussian = [](const Tensor& x, double mu, double sigma) {
      return scores(square((x - real(mu)) / real(sigma))) / 2;
    };
    const Energy energy = ddls_energy(generate, [=](const Tensor& x) {
      return gaussian(x, shift, scale) - gaussian(x, mean, deviation) + real(std::log(std::abs(scale) / deviation));
    });

    const double curvature = scale * scale / (deviation * deviation), eta = 0.02 / curvature;
    const Tensor z = run(Langevin::ddls(real(2 * eta)), energy, noise.normal({chains / 2, 1}), 400, noise);
    const Tensor x = generate(z);
    expect_normal_law(x, mean, deviation * deviation / (1 - eta * curvature / 2));
    // A step this small is within two per cent of p itself.
    EXPECT_NEAR(moments(x).mean, mean, 0.02);
    EXPECT_NEAR(moments(x).variance, deviation * deviation, 0.02);
  }
}

// ---- Contrastive divergence in one dimension

/// E = w . (x, x^2) is a Gaussian with mean -w0/(2 w1) and variance 1/(2 w1); at the maximum of the likelihood they are
/// the data's.
class QuadraticEbm : public testing::Test {
 protected:
  static constexpr double mean = 1.5, deviation = 0.5;

  static Tensor features(const Tensor& x) { return concat({x, square(x)}, 1); }

  QuadraticEbm() {
    params(net_)[0].copy_(Tensor::from_host({2, 1}, std::vector<real>{0, real(0.5)}));  // N(0, 1)
  }

  Tensor data(int64_t count) { return affine(noise_.normal({count, 1}), real(deviation), real(mean)); }

  /// Trains with these negatives (in x) and returns the moments of those of the last fifth.
  Moments train(const std::function<Tensor(const Energy&, int64_t)>& negatives, int steps) {
    std::vector<Moments> seen;
    const Ebm::NegativeSampler sampler = [&](const Energy& on_features, const Tensor& data) {
      const Tensor x = negatives([&](const Tensor& t) { return on_features(features(t)); }, data.dim(0));
      seen.push_back(moments(x));
      return features(x);
    };
    Ebm ebm(net_, {.adam{.rate = real(0.02), .beta1 = real(0.5), .beta2 = real(0.9)}}, sampler, noise_.fork("data"));
    for (int i = 0; i < steps; ++i) ebm.step([&] { return features(data(256)); });
    Moments average;
    const size_t last = seen.size() / 5;
    for (size_t i = seen.size() - last; i < seen.size(); ++i) {
      average.mean += seen[i].mean / double(last);
      average.variance += seen[i].variance / double(last);
    }
    return average;
  }

  Noise noise_{13, "test"};
  Sequential net_ = mlp({2, 1}, noise_);
};

TEST_F(QuadraticEbm, RecoversTheDataWithExactSampling) {
  const auto exact = [&](const Energy& energy, int64_t count) {
    const auto e = energy(Tensor::from_host({3, 1}, std::vector<real>{0, 1, -1})).to_host();
    const double linear = double(e[1] - e[2]) / 2, quadratic = double(e[1] + e[2]) / 2 - double(e[0]);
    EXPECT_GT(quadratic, 0);
    return affine(noise_.normal({count, 1}), real(1 / std::sqrt(2 * quadratic)), real(-linear / (2 * quadratic)));
  };
  const Moments m = train(exact, 1500);
  // The last 300 batches of 256 pin the model to the data within a thousandth; the optimiser's own wander is larger.
  EXPECT_NEAR(m.mean, mean, 0.02);
  EXPECT_NEAR(m.variance, deviation * deviation, 0.02);
}

TEST_F(QuadraticEbm, RecoversTheDataWithPersistentChains) {
  ReplayBuffer replay(
      1000, 0.02,
      [&](int64_t count) {
        return noise_.normal({count, 1});
      },
      noise_.fork("replay"));
  Noise chain_noise = noise_.fork("chains");
  const Langevin langevin = Langevin::exact(real(0.05));
  const auto persistent = [&](const Energy& energy, int64_t count) {
    const Tensor x = run(langevin, energy, replay.draw(count), 30, chain_noise);
    replay.put_back(x);
    return x;
  };
  const Moments m = train(persistent, 1500);
  // Contrastive divergence matches the moments of the samples, whatever the sampler's own bias.
  EXPECT_NEAR(m.mean, mean, 0.03);
  EXPECT_NEAR(m.variance, deviation * deviation, 0.03);
}

}  // namespace
}  // namespace erg::test
