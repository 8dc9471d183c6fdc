// What adversarial systems have of their own beside an objective, in double: the bounds of WGAN's critics, DDGM's
// energy and entropy, the unrolled discriminator, VEEGAN's reconstruction.
#include <gtest/gtest.h>

#include <cmath>

#include "differences.h"
#include "models/ddgm.h"
#include "models/nets.h"
#include "models/unrolled.h"
#include "models/veegan.h"
#include "models/wgan_gp.h"

namespace erg::test {
namespace {

using Values = std::vector<double>;

// ---- The critics' bounds: a linear critic between two points

/// A generator that answers the origin to everything, and never learns.
Sequential origin(Noise& noise) { return mlp({1, 2}, noise, {.last_init = init::constant(0)}); }

/// Its critic's weights run into their bounds: the distance is c times the 1-norm of the difference of means.
TEST(WeightClipping, BoundsALinearCritic) {
  Noise noise(1, "test");
  Sequential critic = mlp({2, 1}, noise);
  Wgan wgan(origin(noise), critic, {.latent = 1, .clip = 0.1, .rmsprop{.rate = 0.01}}, noise.fork("latent"));
  const Tensor x = Tensor::from_host({2, 2}, Values{1, -3, 2, -1});  // the mean is (1.5, -2)
  for (int i = 0; i < 60; ++i) {
    wgan.step_critic(x);
    for (const Tensor& weight : params(critic))
      for (const real value : weight.to_host()) EXPECT_LE(std::abs(value), 0.1);
  }
  EXPECT_NEAR(wgan.step_critic(x)[0].value.item(), 0.1 * (1.5 + 2), 1e-12);
}

/// w.delta - lambda (|w| - 1)^2 is largest at |w| = 1 + |delta| / (2 lambda), along delta: as lambda grows, the
/// distance becomes |delta|, Wasserstein's.
TEST(GradientPenalty, SetsALinearCriticsNorm) {
  for (const real lambda : {1, 4}) {
    Noise noise(2, "test");
    Sequential critic = mlp({2, 1}, noise);
    WganGp wgan(origin(noise), critic, {.latent = 1, .penalty = lambda, .adam{.rate = 0.05}}, noise.fork("latent"));
    const Tensor x = Tensor::from_host({2, 2}, Values{3, 4, 3, 4});
    for (int i = 0; i < 1500; ++i) {
      wgan.set_rate(real(0.05 * std::pow(0.995, i)));
      wgan.step_critic(x);
    }
    const double norm = 1 + 5 / (2 * double(lambda));
    expect_near(params(critic)[0].to_host(), {norm * 3 / 5, norm * 4 / 5}, 1e-3, "w");
    EXPECT_NEAR(wgan.step_critic(x)[0].value.item(), norm * 5, 5e-3 * norm);
  }
}

TEST(GradientPenalty, MixesRealAndFakeByOneNumberASample) {
  Noise noise(3, "test");
  const Tensor x = noise.normal({5, 2, 2, 3}), fake = noise.normal({5, 2, 2, 3});
  const Values share = ((WganGp::between(x, fake, noise) - fake) / (x - fake)).to_host();
  for (size_t sample = 0; sample < 5; ++sample) {
    EXPECT_GE(share[12 * sample], 0);
    EXPECT_LT(share[12 * sample], 1);
    for (size_t i = 1; i < 12; ++i) EXPECT_NEAR(share[12 * sample + i], share[12 * sample], 1e-9);
  }
  EXPECT_NE(share[0], share[12]);
}

// ---- DDGM

TEST(DdgmEntropy, IsThatOfGaussiansAndReachesTheScalesAlone) {
  Noise noise(4, "test");
  Sequential g = mlp({3, 5, 4, 2}, noise, {.batch_norm = true});
  g.layers.insert(g.layers.begin() + 1, BatchNorm(5, noise, init::normal(real(0.3), 1)));
  const auto all = entries(g);
  Tape tape;
  tape.watch(params(g));
  const Tensor entropy = Ddgm::entropy(g);
  const std::vector<Tensor> gradients = tape.grad(entropy, params(g));
  double expected_entropy = 0;
  size_t i = 0;
  for (const Visitor::Entry& e : all) {
    if (!e.trained) continue;
    const bool scale = std::get_if<BatchNorm>(&g.layers[size_t(std::stoi(e.name))]) && e.name.ends_with("weight");
    const Values values = e.tensor->to_host(), slope = gradients[i++].to_host();
    for (size_t k = 0; k < values.size(); ++k) {
      EXPECT_NEAR(slope[k], scale ? 1 / values[k] : 0, 1e-7) << e.name;
      if (scale) expected_entropy += std::log(2 * M_PI * M_E * values[k] * values[k]) / 2;
    }
  }
  EXPECT_NEAR(entropy.item(), expected_entropy, 1e-7);
  EXPECT_THROW(Ddgm::entropy(mlp({2, 3, 2}, noise)), std::invalid_argument);
}

/// In a step where nothing else weighs, Adam moves every scale up by the rate.
TEST(DdgmEntropy, RaisesTheScales) {
  Noise noise(5, "test");
  const Sequential g = mlp({2, 6, 2}, noise, {.batch_norm = true});
  const auto& scales = std::get<BatchNorm>(g.layers[1]).gamma;
  ProductOfExperts e(mlp({2, 4}, noise), Linear(4, 3, noise), 2, 1);
  Ddgm ddgm(g, e, {.entropy = 1e6, .generator_adam{.rate = 0.01, .beta1 = 0.5}}, noise.fork("latent"));
  ddgm.step([&] { return noise.normal({8, 2}); });
  for (const real scale : scales.to_host()) EXPECT_NEAR(scale, 1.01, 1e-6);
}

TEST(ProductOfExperts, IsTheFormula) {
  Noise noise(6, "test");
  ProductOfExperts e(mlp({6, 5}, noise), Linear(5, 3, noise), 6, 2);
  e.bias.copy_(noise.normal({6}));
  const Tensor x = noise.normal({4, 6}), features = e.features(x, Mode::eval);
  const Values xs = x.to_host(), b = e.bias.to_host(), f = features.to_host(), w = e.experts.weight.to_host(),
               c = e.experts.bias.to_host(), energies = e(x, Mode::eval).to_host();
  for (size_t n = 0; n < 4; ++n) {
    double energy = 0;
    for (size_t i = 0; i < 6; ++i) energy += xs[6 * n + i] * xs[6 * n + i] / 2 - b[i] * xs[6 * n + i];
    for (size_t k = 0; k < 3; ++k) {
      double a = c[k];
      for (size_t i = 0; i < 5; ++i) a += f[5 * n + i] * w[3 * i + k];
      energy -= std::log1p(std::exp(a));
    }
    EXPECT_NEAR(energies[n], energy, 1e-12);
  }
  expect_gradient([&] { return sum(e(x, Mode::train)); }, params(e), 1e-6);
}

/// E = |x|^2/sigma^2 - b.x, where no expert says anything: the squared slope is |2x/sigma^2 - b|^2.
TEST(SquaredGradient, OfAQuadraticIsKnown) {
  Noise noise(7, "test");
  ProductOfExperts e(mlp({3, 2}, noise), Linear(2, 1, noise, {.weight_init = init::constant(0)}), 3, 0.5);
  e.bias.copy_(noise.normal({3}));
  const Tensor x = noise.normal({4, 3}), slope = 4 * x - e.bias;
  Tape tape;
  const Tensor got = squared_gradient(
      tape, [&](const Tensor& batch) { return scores(e(batch, Mode::train)); }, x);
  expect_near(got.to_host(), sum_per_sample(square(slope)).to_host(), 1e-12, "|grad E|^2");
}

// ---- The unrolled discriminator

class UnrolledGan : public testing::Test {
 protected:
  static constexpr Activation smooth{Activation::Kind::tanh};
  Noise noise{8, "test"};
  Sequential g = mlp({2, 4, 2}, noise, {.hidden = smooth}), d = mlp({2, 5, 1}, noise, {.hidden = smooth});
  const Tensor x = noise.normal({6, 2}), z = noise.normal({6, 2});

  Unrolled system(int steps) {
    return Unrolled(g, d, {.latent = 2, .steps = steps, .rate = 0.5}, noise.fork("latent"));
  }
  /// f(theta_G, theta^K), recorded by whatever tape there is.
  Tensor surrogate(const Unrolled& gan) {
    const auto on = [&](Tape& tape) {
      tape.watch(params(d));
      return gan.surrogate(tape, x, g(z, Mode::train));
    };
    if (Tape* tape = Tape::recording()) return on(*tape);
    Tape tape;
    return on(tape).detach();
  }
  Tensor value() {
    const Objective gan = Gan::objective(Gan::Loss::minimax);
    return -gan.critic(scores(d(x, Mode::train)), scores(d(g(z, Mode::train), Mode::train)));
  }
};

/// Differences move the generator and run all K steps again: they see what the steps answer.
TEST_F(UnrolledGan, TheGradientRunsThroughTheSteps) {
  const Unrolled gan = system(3);
  expect_gradient([&] { return surrogate(gan); }, params(g), 1e-6);
}

TEST_F(UnrolledGan, TheSurrogateIsTheValueAfterKSteps) {
  const Unrolled three = system(3);
  const double foreseen = surrogate(three).item();
  const Values before = params(d)[0].to_host();
  for (int k = 0; k < 3; ++k) {
    std::vector<Tensor> gradients;
    {
      Tape tape;
      tape.watch(params(d));
      gradients = tape.grad(value(), params(d));
    }
    const std::vector<Tensor> theta = params(d);
    for (size_t i = 0; i < theta.size(); ++i) Tensor(theta[i]).copy_(theta[i] + 0.5 * gradients[i]);
  }
  EXPECT_NE(params(d)[0].to_host(), before);
  EXPECT_NEAR(value().item(), foreseen, 1e-10);
}

TEST_F(UnrolledGan, OfNoStepsIsTheMinimaxGan) {
  const Unrolled none = system(0);
  EXPECT_EQ(surrogate(none).item(), value().item());
}

TEST_F(UnrolledGan, RefusesADiscriminatorWithBuffers) {
  const auto build = [&](const MlpOptions& options, int steps) {
    Unrolled(mlp({2, 3, 2}, noise), mlp({2, 3, 1}, noise, options), {.latent = 2, .steps = steps}, noise);
  };
  EXPECT_THROW(build({.batch_norm = true}, 1), std::invalid_argument);
  EXPECT_THROW(build({.spectral_norm = true}, 1), std::invalid_argument);
  EXPECT_THROW(build({}, -1), std::invalid_argument);
}

// ---- VEEGAN

TEST(VeeganLosses, TheReconstructionIsALogDensity) {
  Noise noise(9, "test");
  const Tensor d = noise.normal({5}), z = noise.normal({5, 3}), f = noise.normal({5, 3});
  const Values a = z.to_host(), b = f.to_host();
  double error = 0;
  for (size_t i = 0; i < a.size(); ++i) error += (a[i] - b[i]) * (a[i] - b[i]) / 2;
  EXPECT_NEAR(Veegan::generator_loss(d, z, f).item(), mean(d).item() + error / 5, 1e-12);
}

TEST(VeeganLosses, GradientsOfGeneratorAndReconstructor) {
  Noise noise(10, "test");
  const Activation smooth{Activation::Kind::tanh};
  Sequential g = mlp({3, 4, 2}, noise, {.hidden = smooth}), f = mlp({2, 5, 3}, noise, {.hidden = smooth});
  PairNet d{{}, mlp({5, 6, 1}, noise, {.hidden = smooth})};
  const Tensor z = noise.normal({4, 3});
  expect_gradient(
      [&] {
        const Tensor fake = g(z, Mode::train);
        return Veegan::generator_loss(d(fake, z, Mode::train), z, f(fake, Mode::train));
      },
      params(g, f), 1e-6);
}

}  // namespace
}  // namespace erg::test
