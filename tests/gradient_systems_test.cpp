// The gradients that the systems rest on, in double: penalties that contain a gradient, mutual information, spectral
// norm, the energies that samplers follow.
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>

#include "differences.h"
#include "engine/random.h"
#include "models/ddls.h"
#include "models/ebm.h"
#include "models/meg.h"
#include "models/nets.h"
#include "models/wgan_gp.h"

namespace erg::test {
namespace {

constexpr Activation leaky{Activation::Kind::leaky_relu}, smooth{Activation::Kind::tanh};

Energy critic_of(Sequential& net) {
  return [&net](const Tensor& x) { return scores(net(x, Mode::train)); };
}

/// Calls f with the tape that records, or with one of its own: a penalty differentiates even where nobody asks for the
/// penalty's own gradient.
template <class F>
Tensor on_some_tape(const F& f) {
  if (Tape* tape = Tape::recording()) return f(*tape);
  Tape tape;
  return f(tape);
}

Tensor one_centred(const Energy& critic, const Tensor& x) {
  return on_some_tape([&](Tape& tape) { return WganGp::gradient_penalty(tape, critic, x); });
}

/// MEG's: E |grad E(x)|^2.
Tensor zero_centred(const Energy& energy, const Tensor& x) {
  return on_some_tape([&](Tape& tape) {
    tape.watch(x);
    return mean(sum_per_sample(square(tape.grad(sum(energy(x)), {x}, Keep::graph)[0])));
  });
}

Sequential small_conv_critic(const Activation& activation, Noise& noise) {
  ConvOptions options;
  options.stride = 2;
  options.pad = 1;
  Sequential net;
  net.layers = {Conv2d(2, 3, 3, noise, options),
                activation,
                Conv2d(3, 2, 2, noise, ConvOptions{}),
                activation,
                AvgPool{2},
                Reshape{{2}},
                Linear(2, 1, noise)};
  return net;
}

// ---- Gradient penalties

TEST(GradientPenalty, OfAnMlpInItsWeights) {
  Noise noise(1, "test");
  for (const Activation& activation : {leaky, smooth}) {
    Sequential net = mlp({3, 8, 6, 1}, noise, {.hidden = activation});
    const Tensor x = noise.normal({5, 3});
    expect_gradient([&] { return one_centred(critic_of(net), x); }, params(net), 1e-6, "one-centred");
    expect_gradient([&] { return zero_centred(critic_of(net), x); }, params(net), 1e-6, "zero-centred");
  }
}

TEST(GradientPenalty, OfAConvolutionalCriticInItsWeights) {
  Noise noise(2, "test");
  for (const Activation& activation : {leaky, smooth}) {
    Sequential net = small_conv_critic(activation, noise);
    const Tensor x = noise.normal({3, 6, 6, 2});
    expect_gradient([&] { return one_centred(critic_of(net), x); }, params(net), 1e-6, "one-centred");
    expect_gradient([&] { return zero_centred(critic_of(net), x); }, params(net), 1e-6, "zero-centred");
  }
}

TEST(GradientPenalty, OfTheWholeCriticLoss) {
  Noise noise(3, "test");
  Sequential net = mlp({2, 10, 1}, noise, {.hidden = leaky});
  const Energy f = critic_of(net);
  const Tensor real_batch = noise.normal({4, 2}), fake = noise.normal({4, 2}), between = noise.normal({4, 2});
  expect_gradient([&] { return 10 * one_centred(f, between) - (mean(f(real_batch)) - mean(f(fake))); }, params(net),
                  1e-6);
}

TEST(GradientPenalty, OfALinearCriticIsKnown) {
  Noise noise(4, "test");
  const Tensor w = noise.normal({4, 1}), x = noise.normal({6, 4});
  const Energy linear = [&](const Tensor& batch) { return scores(matmul(batch, w)); };
  const auto weights = w.to_host();
  double norm = 0;
  for (const real value : weights) norm += value * value;
  norm = std::sqrt(norm);

  Tape tape;
  tape.watch(w);
  const Tensor one = one_centred(linear, x), zero = zero_centred(linear, x);
  EXPECT_NEAR(one.item(), (norm - 1) * (norm - 1), 1e-10);
  EXPECT_NEAR(zero.item(), norm * norm, 1e-10);
  const auto d_one = tape.grad(one, {w}, Keep::tape)[0].to_host(), d_zero = tape.grad(zero, {w})[0].to_host();
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(d_one[i], 2 * (norm - 1) * weights[i] / norm, 1e-10);
    EXPECT_NEAR(d_zero[i], 2 * weights[i], 1e-10);
  }
}

TEST(GradientPenalty, IsFiniteWhereTheGradientVanishes) {
  const Tensor w = Tensor::zeros({2, 1}), x = Tensor::ones({3, 2});
  Tape tape;
  tape.watch(w);
  const Tensor penalty = one_centred([&](const Tensor& batch) { return scores(matmul(batch, w)); }, x);
  EXPECT_NEAR(penalty.item(), 1, 1e-5);
  for (const real value : tape.grad(penalty, {w})[0].to_host()) EXPECT_EQ(value, 0);
}

/// MEG's own step on a linear energy: the metric is |w|^2, and a heavy penalty drives Adam's first step, which moves
/// each weight by the rate, towards zero.
TEST(GradientPenalty, InMegsStep) {
  Noise noise(5, "test");
  Sequential g = mlp({2, 4, 3}, noise), e = mlp({3, 1}, noise);
  const Tensor w = params(e)[0];
  const auto before = w.to_host();
  double norm2 = 0;
  for (const real value : before) norm2 += value * value;
  Meg meg(g, e, {{}, mlp({5, 4, 1}, noise)},
          {.latent = 2, .penalty = 1e4, .energy_steps = 1, .adam{.rate = 1e-3, .beta1 = 0, .beta2 = real(0.9)}},
          noise.fork("latent"));
  const Metrics metrics = meg.step([&] { return noise.normal({8, 3}); });
  ASSERT_EQ(metrics.back().name, "penalty");
  EXPECT_NEAR(metrics.back().value.item(), norm2, 1e-10);
  const auto after = w.to_host();
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(after[i], before[i] - std::copysign(1e-3, before[i]), 1e-8);
}

// ---- The other players

TEST(MutualInformation, GradientsOfStatisticsAndGenerator) {
  Noise noise(6, "test");
  Sequential g = mlp({2, 6, 3}, noise, {.hidden = smooth});
  Meg::Statistics t{mlp({3, 4}, noise), mlp({6, 8, 1}, noise, {.hidden = leaky})};
  const Tensor z = noise.normal({5, 2}), strangers = concat({slice(z, 0, 1, 5), slice(z, 0, 0, 1)}, 0);
  expect_gradient(
      [&] {
        const Tensor fake = g(z, Mode::train);
        return (mean(softplus(-t(fake, z, Mode::train))) + mean(softplus(t(fake, strangers, Mode::train)))) / 2;
      },
      params(t, g), 1e-6);
}

/// A generator with batch norm under a convolutional discriminator: the path of every image GAN.
TEST(Generator, GradientThroughADiscriminator) {
  Noise noise(7, "test");
  ConvOptions up;
  up.stride = 2;
  up.pad = 1;
  up.output_pad = 1;
  Sequential g, d = small_conv_critic(leaky, noise);
  g.layers = {Linear(2, 27, noise),
              Reshape{{3, 3, 3}},
              BatchNorm(3, noise),
              smooth,
              ConvTranspose2d(3, 2, 3, noise, up),
              smooth};
  const Tensor z = noise.normal({4, 2});
  expect_gradient([&] { return mean(softplus(-critic_of(d)(g(z, Mode::train)))); }, params(g), 1e-6);
}

TEST(SpectralNorm, GradientAtConvergence) {
  Noise noise(8, "test");
  const Tensor w = noise.normal({6, 4}), c = noise.normal({6, 4});
  erg::SpectralNorm norm(4, noise);
  for (int i = 0; i < 3000; ++i) norm(w, Mode::train);
  // There u and v are stationary, so that taking them for constants is exact.
  expect_gradient([&] { return sum(norm(w, Mode::eval) * c); }, {w}, 1e-6);

  // dL/dW = (C - <C, W/sigma> v u^T) / sigma, with the singular vectors from Eigen.
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Matrix weights = Eigen::Map<const Matrix>(w.data(), 6, 4), cotangent = Eigen::Map<const Matrix>(c.data(), 6, 4);
  const Eigen::JacobiSVD<Matrix> svd(weights, Eigen::ComputeThinU | Eigen::ComputeThinV);
  const double sigma = svd.singularValues()(0);
  const Matrix expected = (cotangent - cotangent.cwiseProduct(weights).sum() / sigma * svd.matrixU().col(0) *
                                           svd.matrixV().col(0).transpose()) /
                          sigma;
  Tape tape;
  tape.watch(w);
  const Tensor gradient = tape.grad(sum(norm(w, Mode::train) * c), {w})[0];
  expect_near(gradient.to_host(), {expected.data(), expected.data() + expected.size()}, 1e-9, "W");
}

/// What a latent chain follows: through a generator in evaluation mode, batch norm included.
TEST(DdlsEnergy, GradientInTheLatents) {
  Noise noise(9, "test");
  Sequential g = mlp({2, 8, 3}, noise, {.hidden = smooth, .batch_norm = true}),
             d = mlp({3, 8, 1}, noise, {.hidden = leaky});
  for (int i = 0; i < 3; ++i) g(noise.normal({16, 2}), Mode::train);
  const Energy energy = ddls_energy([&](const Tensor& z) { return g(z, Mode::eval); },
                                    [&](const Tensor& x) { return scores(d(x, Mode::eval)); });
  const Tensor z = noise.normal({5, 2});
  const EnergyAndGradient result = energy_and_gradient(energy, z);
  EXPECT_EQ(result.energy.shape(), Shape{5});
  const auto expected = central_differences([&] { return double(sum(energy(z)).item()); }, {z});
  expect_near(result.gradient.to_host(), expected[0], 1e-6, "z");
  EXPECT_EQ(result.energy.to_host(), energy(z).to_host());
}

TEST(EnergyAndGradient, WantsOneNumberASample) {
  EXPECT_THROW(energy_and_gradient([](const Tensor& x) { return sum(x); }, Tensor::ones({2, 3})),
               std::invalid_argument);
  EXPECT_THROW(energy_and_gradient([](const Tensor& x) { return x; }, Tensor::ones({2, 1})), std::invalid_argument);
}

}  // namespace
}  // namespace erg::test
