// The ladder network and EBGAN-LN: exact cases of the decoder, what noise reaches, and that labels are learnt.
#include "models/ladder.h"

#include <gmock/gmock.h>

#include <cmath>
#include <memory>

#include "models/ebgan.h"
#include "models/ebgan_ln.h"
#include "system_laws.h"

namespace erg::test {
namespace {

const std::vector<int64_t> sizes{6, 16, 8, 3};

/// Combinators that pass z on, whatever comes from above: v = 1.
void pass_on(LadderNet& net) {
  for (const Visitor::Entry& e : entries(net))
    if (e.name.ends_with("variance.e")) e.tensor->copy_(Tensor::ones(e.tensor->shape()));
}

// ---- The network

TEST(LadderNet, WithoutNoiseCombinatorsThatPassOnCostNothing) {
  Noise noise(1, "test");
  LadderNet net(sizes, 0, noise);
  const Tensor x = noise.normal({10, 6});
  // As built, v = mu = 0: the decoder says zero.
  const auto zero = net.cost(x, noise).to_host(), squares = (sum_per_sample(square(x)) / 6).to_host();
  for (size_t i = 0; i < zero.size(); ++i) EXPECT_NEAR(zero[i], squares[i], 1e-6);
  pass_on(net);
  EXPECT_EQ(net.reconstruct(net.corrupted(x, noise)).to_host(), x.to_host());
  EXPECT_THAT(net.cost(x, noise).to_host(), testing::Each(0));
}

TEST(LadderNet, NoiseReachesEveryLayer) {
  Noise noise(2, "test");
  const real deviation = real(0.3);
  LadderNet noisy(sizes, deviation, noise);
  const Tensor x = noise.normal({4000, 6});
  const LadderNet::Pass pass = noisy.corrupted(x, noise);
  ASSERT_EQ(pass.noisy.size(), 4u);
  EXPECT_NEAR(mean(square(pass.noisy[0] - x)).item(), 0.09, 0.004);
  // Each unit's variance is one of the norm and that of the noise; 4000 samples know it to 4.5 * 2.2 %.
  for (size_t l = 1; l < 4; ++l) EXPECT_NEAR(mean(square(pass.noisy[l])).item(), 1.09, 0.11) << l;
  pass_on(noisy);
  EXPECT_NEAR(mean(noisy.cost(x, noise)).item(), 0.09, 0.004) << "what passes on keeps the noise of the input";
}

TEST(Combinator, DenoisesAGaussian) {
  Combinator g(1, cpu_device);
  g.mean.e.copy_(Tensor::full({1}, 2));
  g.variance.e.copy_(Tensor::full({1}, real(0.75)));
  g.mean.a.copy_(Tensor::full({1}, 4));  // 4 sigmoid(u) + 2
  const Tensor z = Tensor::full({1, 1}, 6), u = Tensor::zeros({1, 1});
  EXPECT_FLOAT_EQ(g(z, u).item(), real((6 - 4) * 0.75 + 4));
}

TEST(LadderNet, WantsAnInputClassesAndAPositiveNoise) {
  Noise noise(3, "test");
  EXPECT_THROW(LadderNet({6}, 0, noise), std::invalid_argument);
  EXPECT_THROW(LadderNet(sizes, -1, noise), std::invalid_argument);
}

// ---- Learning from labels

LadderNet net(uint64_t seed) {
  Noise weights(seed, "weights");
  return LadderNet(sizes, real(0.3), weights);
}

/// Three classes, at the first three unit vectors of six dimensions.
Labelled three_classes(Noise& noise, int64_t count) {
  std::vector<real> y;
  for (const int64_t label : noise.integers(count, 3)) y.push_back(real(label));
  const Tensor classes = Tensor::from_host({count}, y);
  return {2 * one_hot(classes, 6) + real(0.5) * noise.normal({count, 6}), classes};
}

/// Trains on 30 labels and all the rest without; the error on others before and after, and the cost.
template <class System>
void expect_learns(System& system) {
  set_threads(1);
  Noise noise(4, "test");
  const Labelled labelled = three_classes(noise, 30), test = three_classes(noise, 300);
  Metrics first, last;
  for (int i = 0; i < 150; ++i) {
    last = system.step([&] { return labelled; }, [&] { return three_classes(noise, 60).x; });
    if (i == 0) first = last;
  }
  EXPECT_LT(metric(last, "cross_entropy"), metric(first, "cross_entropy") / 3);
  EXPECT_LT(metric(last, "cost"), metric(first, "cost") / 2);
  EXPECT_GT(metric(last, "accuracy"), 0.95);
  EXPECT_GT(accuracy(system.logits(test.x), test.y).item(), 0.9);
}

TEST(Ladder, LearnsFromFewLabels) {
  Ladder ladder(net(5), {.weight = 10, .adam{.rate = real(0.01)}}, Noise(1, "corruption"));
  expect_learns(ladder);
}

/// G for the ladders above.
Sequential generator(Noise& noise) {
  return ebgan_generator({.generator_layers = 2, .generator_size = 16, .latent = 4}, {6}, noise);
}

EbganLn small_ebgan_ln(uint64_t seed, const EbganLn::Options& options) {
  Noise of_generator(seed, "generator");
  return EbganLn(generator(of_generator), net(seed), options, Noise(1, "latent"));
}

TEST(EbganLn, LearnsFromFewLabels) {
  EbganLn system = small_ebgan_ln(
      5, {.latent = 4, .weight = 10, .margin = real(0.5), .margin_steps = 100, .ladder_adam{.rate = real(0.01)}});
  expect_learns(system);
}

TEST(EbganLn, TheMarginFallsToZeroOnALine) {
  EbganLn system = small_ebgan_ln(6, {.latent = 4, .margin = 2, .margin_steps = 4});
  Noise noise(7, "test");
  const auto step = [&] {
    return metric(system.step([&] { return three_classes(noise, 8); }, [&] { return three_classes(noise, 8).x; }),
                  "margin");
  };
  for (const real margin : {2.0, 1.5, 1.0, 0.5, 0.0, 0.0}) {
    EXPECT_FLOAT_EQ(system.margin(), margin);
    EXPECT_FLOAT_EQ(step(), margin);
  }
  EXPECT_THROW(small_ebgan_ln(6, {.margin = -1}), std::invalid_argument);
}

/// The first step of the ladder in EBGAN-LN, by the weights it leaves.
std::vector<std::vector<real>> ladder_after_a_step(real margin) {
  EbganLn system = small_ebgan_ln(8, {.latent = 4, .weight = 10, .margin = margin});
  Noise noise(9, "test");
  system.step([&] { return three_classes(noise, 20); }, [&] { return three_classes(noise, 20).x; });
  std::vector<std::vector<real>> weights;
  for (const Visitor::Entry& e : entries(system))
    if (e.trained && e.name.starts_with("ladder.")) weights.push_back(e.tensor->to_host());
  return weights;
}

TEST(EbganLn, WithoutAMarginItIsTheLadder) {
  set_threads(1);
  LadderNet same = net(8);
  Ladder ladder(same, {.weight = 10}, Noise(1, "latent").fork("corruption"));
  Noise noise(9, "test");
  ladder.step([&] { return three_classes(noise, 20); }, [&] { return three_classes(noise, 20).x; });
  std::vector<std::vector<real>> expected;
  for (const Tensor& weight : params(same)) expected.push_back(weight.to_host());
  EXPECT_EQ(ladder_after_a_step(0), expected);
  EXPECT_NE(ladder_after_a_step(1), expected);
}

TEST(Ladder, GoesOnWithTheSameBits) {
  const auto step = [](auto& system, int i) {
    Noise data(uint64_t(i), "data");
    system.step([&] { return three_classes(data, 32); }, [&] { return three_classes(data, 64).x; });
  };
  expect_resumable(
      [](uint64_t seed) { return std::make_unique<Ladder>(net(seed), Ladder::Options{}, Noise(1, "corruption")); },
      step);
  expect_resumable(
      [](uint64_t seed) { return std::make_unique<EbganLn>(small_ebgan_ln(seed, {.latent = 4, .margin_steps = 4})); },
      step);
}

}  // namespace
}  // namespace erg::test
