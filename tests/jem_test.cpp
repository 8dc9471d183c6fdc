// JEM: the logits' two readings agree, its gradient is the classifier's plus the model's, and it learns both.
#include "models/jem.h"

#include <gmock/gmock.h>

#include <cmath>
#include <memory>

#include "models/nets.h"
#include "samplers/langevin.h"
#include "system_laws.h"

namespace erg::test {
namespace {

// ---- Labels

const Tensor logits = Tensor::from_host({3, 3}, std::vector<real>{1, 2, 3, 0, 0, 0, 1e4, -1e4, 0});
const Tensor classes = Tensor::from_host({3}, std::vector<real>{2, 0, 1});

TEST(Labels, OneHotAndChosenLogits) {
  EXPECT_THAT(one_hot(classes, 3).to_host(), testing::ElementsAre(0, 0, 1, 1, 0, 0, 0, 1, 0));
  EXPECT_THAT(logit_of_class(logits, classes).to_host(), testing::ElementsAre(3, 0, -1e4));
}

TEST(Labels, CrossEntropyIsMinusTheLogProbability) {
  const double first = std::log(std::exp(-2) + std::exp(-1) + 1), second = std::log(3.0), third = 2e4;
  EXPECT_NEAR(cross_entropy(logits, classes).item(), (first + second + third) / 3, 1e-3);
  const auto probabilities = softmax(logits).to_host();
  EXPECT_NEAR(probabilities[2], std::exp(-first), 1e-6);
  EXPECT_NEAR(probabilities[4], 1.0 / 3, 1e-6);
  EXPECT_NEAR(probabilities[6], 1, 1e-6);
}

TEST(Labels, AccuracyCountsTheLargest) {
  EXPECT_NEAR(accuracy(logits, classes).item(), 2.0 / 3, 1e-6);  // the tie of the second row counts
  EXPECT_EQ(accuracy(Tensor::from_host({1, 2}, std::vector<real>{1, real(1.0000001)}), Tensor::zeros({1})).item(), 0);
}

TEST(Labels, ShapesMustGoTogether) {
  EXPECT_THROW(cross_entropy(logits, Tensor::zeros({2})), std::invalid_argument);
  EXPECT_THROW(cross_entropy(Tensor::zeros({3}), classes), std::invalid_argument);
  EXPECT_THROW(accuracy(logits, Tensor::zeros({3, 1})), std::invalid_argument);
}

TEST(Labels, CrossEntropysGradientIsSoftmaxMinusOneHot) {
  Tape tape;
  tape.watch(logits);
  const Tensor loss = cross_entropy(logits, classes);
  const auto gradient = tape.grad(loss, {logits})[0].to_host(),
             expected = ((softmax(logits) - one_hot(classes, 3)) / 3).to_host();
  for (size_t i = 0; i < gradient.size(); ++i) EXPECT_NEAR(gradient[i], expected[i], 1e-6);
}

TEST(Logsumexp, ItsGradientIsTheSoftmax) {
  for (const Tensor& x : {Noise(1, "test").normal({4, 7}), logits, Tensor::zeros({2, 5})}) {
    Tape tape;
    tape.watch(x);
    const auto slope = tape.grad(sum(logsumexp_per_sample(x)), {x})[0].to_host(), expected = softmax(x).to_host();
    for (size_t i = 0; i < slope.size(); ++i) EXPECT_NEAR(slope[i], expected[i], 1e-6);
  }
}

// ---- The model

Jem::NegativeSampler fixed(const Tensor& samples) {
  return [samples](const Energy&, const Tensor&) { return samples; };
}

TEST(Jem, TheTwoEnergiesAreOneJointLaw) {
  Noise noise(2, "test");
  Jem jem(mlp({2, 8, 4}, noise), {}, fixed({}), noise.fork("data"));
  const Tensor x = noise.normal({6, 2});
  std::vector<Tensor> of_classes;
  for (int y = 0; y < 4; ++y) of_classes.push_back(reshape(-jem.energy(Tensor::full({6}, real(y)))(x), {6, 1}));
  const Tensor joint = concat(of_classes, 1);
  const auto sum_of_classes = (-logsumexp_per_sample(joint)).to_host(), marginal = jem.energy()(x).to_host();
  for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(sum_of_classes[i], marginal[i], 1e-5);
  const auto conditional = exp(joint + reshape(jem.energy()(x), {6, 1})).to_host(),
             classifier = softmax(jem.logits(x)).to_host();
  for (size_t i = 0; i < 24; ++i) EXPECT_NEAR(conditional[i], classifier[i], 1e-5);
}

TEST(Jem, ItsGradientIsTheClassifiersPlusTheModels) {
  Noise noise(3, "test");
  Sequential net = mlp({3, 16, 4}, noise, {.hidden = {Activation::Kind::silu}});
  const Tensor x = noise.normal({8, 3}), unlabelled = noise.normal({5, 3}), samples = noise.normal({5, 3});
  const Tensor y = Tensor::from_host({8}, std::vector<real>{0, 1, 2, 3, 3, 2, 1, 0});
  const real weight = real(0.5);
  std::vector<real> expected;
  {
    const auto gradient = [&](const std::function<Tensor()>& loss) {
      Tape tape;
      tape.watch(params(net));
      return tape.grad(loss(), params(net));
    };
    const Energy energy = [&](const Tensor& at) { return -logsumexp_per_sample(net(at, Mode::train)); };
    const auto of_classifier = gradient([&] { return cross_entropy(net(x, Mode::train), y); });
    const auto of_model = gradient([&] { return mean(energy(unlabelled)) - mean(energy(samples)); });
    for (size_t i = 0; i < of_model.size(); ++i) {
      for (const real g : (of_classifier[i] + weight * of_model[i]).to_host()) expected.push_back(g);
      while (expected.size() % Arena::alignment != 0) expected.push_back(0);
    }
  }
  // With beta1 = 0, Adam's first moment is the gradient.
  Jem jem(net, {.weight = weight, .data_noise = 0, .adam{.beta1 = 0}}, fixed(samples), noise.fork("data"));
  const Metrics metrics = jem.step([&] { return Labelled{x, y}; }, [&] { return unlabelled; });
  EXPECT_NEAR(metric(metrics, "gap"), metric(metrics, "E(x)") - metric(metrics, "E(x')"), 1e-6);
  for (const Visitor::Entry& e : entries(jem)) {
    if (e.name != "adam.m") continue;
    const auto got = e.tensor->to_host();
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-6);
  }
}

/// Two classes, N((-1,0), 0.2^2) and N((1,0), 0.2^2): the classifier finds them, and chains on E(x,y) go to class y.
TEST(Jem, LearnsToClassifyAndToDraw) {
  set_threads(1);
  Noise noise(4, "test"), chain_noise = noise.fork("chains");
  const auto batch = [&] {
    const Tensor y = indicator(noise.uniform({64}, -1, 1));
    const Tensor centre = concat({reshape(2 * y - 1, {64, 1}), Tensor::zeros({64, 1})}, 1);
    return Labelled{centre + real(0.2) * noise.normal({64, 2}), y};
  };
  Langevin langevin = Langevin::exact(real(0.02));
  langevin.low = -2;
  langevin.high = 2;
  Tensor chains = noise.uniform({64, 2}, -2, 2);
  Jem jem(
      mlp({2, 32, 32, 2}, noise, {.hidden = {Activation::Kind::silu}}), {.adam{.rate = real(3e-3)}},
      [&](const Energy& energy, const Tensor&) { return chains = run(langevin, energy, chains, 10, chain_noise); },
      noise.fork("data"));
  const Labelled test = batch();
  const real before = cross_entropy(jem.logits(test.x), test.y).item();
  for (int i = 0; i < 300; ++i) jem.step(batch);
  EXPECT_LT(cross_entropy(jem.logits(test.x), test.y).item(), 0.1 * before);
  EXPECT_GT(accuracy(jem.logits(test.x), test.y).item(), 0.95);

  const Tensor start = noise.uniform({64, 2}, -2, 2);
  for (const real y : {0, 1}) {
    const Tensor drawn = run(langevin, jem.energy(Tensor::full({64}, y)), start, 500, chain_noise);
    EXPECT_GT(accuracy(jem.logits(drawn), Tensor::full({64}, y)).item(), 0.9) << y;
    EXPECT_NEAR(mean(slice(drawn, 1, 0, 1)).item(), 2 * y - 1, 0.35) << y;
  }
}

TEST(Jem, GoesOnWithTheSameBits) {
  const auto make = [](uint64_t seed) {
    Noise noise(seed, "weights");
    return std::make_unique<Jem>(
        mlp({2, 32, 3}, noise), Jem::Options{.energy_l2 = real(0.1)},
        [](const Energy& energy, const Tensor& data) {
          const Tensor x = Tensor::ones(data.shape());
          return x - energy_and_gradient(energy, x).gradient;
        },
        Noise(1, "data noise"));
  };
  expect_resumable(make, [](Jem& jem, int i) {
    Noise data(uint64_t(i), "data");
    jem.step([&] { return Labelled{data.normal({64, 2}), indicator(data.normal({64}))}; });
  });
}

}  // namespace
}  // namespace erg::test
