// Gradients of the terms that EBM, EBGAN and the ladder network add, in double against central differences.
#include <gtest/gtest.h>

#include "differences.h"
#include "models/ebgan.h"
#include "models/ebm.h"
#include "models/ladder.h"
#include "models/meg.h"
#include "models/nets.h"

namespace erg::test {
namespace {

constexpr Activation smooth{Activation::Kind::silu};

/// E_frozen(x - drift clip(grad E(x))): only the step sees the weights move.
TEST(EbmLastStep, GradientRunsThroughTheStepAlone) {
  Noise noise(1, "test");
  Sequential net = mlp({3, 8, 1}, noise, {.hidden = smooth});
  const Tensor x = noise.normal({5, 3});
  for (const real clip : {real(0.05), real(1e9)}) {
    const Ebm::LastStep step{.weight = 1, .drift = real(0.7), .grad_clip = clip};
    std::vector<Tensor> gradients;
    double value;
    {
      Tape tape;
      tape.watch(params(net));
      const Tensor kl = Ebm::last_step(tape, net, step, x);
      value = kl.item();
      gradients = tape.grad(kl, params(net));
    }
    Sequential frozen = net;
    for (const Visitor::Entry& e : entries(frozen)) *e.tensor = e.tensor->clone();
    const auto by_hand = [&] {
      const Tensor slope = energy_and_gradient(NetEnergy{net}, x).gradient;
      return double(mean(frozen(x - step.drift * clamp(slope, -clip, clip), Mode::eval)).item());
    };
    EXPECT_NEAR(value, by_hand(), 1e-12);
    const auto expected = central_differences(by_hand, params(net));
    for (size_t i = 0; i < expected.size(); ++i)
      expect_near(gradients[i].to_host(), expected[i], 1e-6, "weight " + std::to_string(i));
  }
}

TEST(EbganLosses, Gradients) {
  Noise noise(2, "test");
  Sequential encoder = mlp({6, 5, 4}, noise, {.hidden = smooth});
  AutoEncoder d{encoder, mlp({4, 6}, noise)};
  const Tensor x = noise.normal({5, 6});
  expect_gradient([&] { return mean(d(x, Mode::train)); }, params(d), 1e-6, "R");
  expect_gradient([&] { return mean(d(x, Mode::train)); }, {x}, 1e-6, "R in x, as input and as target");
  const Tensor codes = noise.normal({5, 4});
  expect_gradient([&] { return Ebgan::pulling_away(codes); }, {codes}, 1e-6, "pulling-away");
}

TEST(LadderCost, GradientsInWeightsAndInput) {
  Noise noise(3, "test"), corruption(3, "corruption");
  LadderNet net({4, 6, 3}, real(0.3), noise);
  for (const Visitor::Entry& e : entries(net))
    if (e.name.starts_with("combinator")) e.tensor->copy_(noise.normal(e.tensor->shape()) * real(0.3));
  const Tensor x = noise.normal({7, 4});
  const auto cost = [&] {
    corruption.set_step(0);
    return mean(net.cost(x, corruption));
  };
  expect_gradient(cost, params(net), 1e-5, "weights");
  expect_gradient(cost, {x}, 1e-5, "what a generator descends");
}

/// On images of 2 x 3 pixels the authors' penalty is a sixth of the paper's.
TEST(MegPixelPenalty, IsTheMeanOverPixels) {
  const auto penalty = [](bool pixels) {
    Noise noise(4, "test");
    Sequential g = mlp({2, 18}, noise), e;
    g.layers.push_back(Reshape{{2, 3, 3}});
    e.layers = {Reshape{{18}}, Linear(18, 1, noise)};
    Meg::Statistics t{Sequential{{Reshape{{18}}}}, mlp({20, 1}, noise)};
    Meg meg(g, e, t, {.latent = 2, .pixel_penalty = pixels, .energy_steps = 1}, noise.fork("latent"));
    return double(meg.step([&] { return noise.normal({4, 2, 3, 3}); }).back().value.item());
  };
  EXPECT_NEAR(penalty(true), penalty(false) / 6, 1e-12);
}

}  // namespace
}  // namespace erg::test
