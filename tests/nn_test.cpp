// Layers: names, initial weights, batch statistics, dropout, spectral norm.
#include "engine/nn.h"

#include <gmock/gmock.h>

#include <Eigen/Dense>
#include <cmath>
#include <set>

#include "engine/init.h"
#include "engine/tape.h"
#include "kernel_runs.h"
#include "models/meg.h"
#include "models/nets.h"

namespace erg::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// A weight as the matrix [everything else, last dimension].
Matrix matrix(const Tensor& t) {
  const auto values = t.to_host();
  const int64_t columns = t.shape().back();
  return Eigen::Map<const Eigen::Matrix<real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
             values.data(), t.size() / columns, columns)
      .cast<double>();
}

double largest_singular_value(const Tensor& t) { return matrix(t).jacobiSvd().singularValues()(0); }

std::vector<std::string> names(auto& part) {
  std::vector<std::string> all;
  for (const auto& entry : entries(part)) all.push_back(entry.name);
  return all;
}

// ---- Networks

TEST(Networks, AnEmptyOneIsTheIdentity) {
  Sequential identity;
  const Tensor x = Tensor::ones({2, 3});
  EXPECT_EQ(identity(x, Mode::train).data(), x.data());
}

TEST(Networks, CopiesShareTheirWeights) {
  Noise noise(2, "test");
  Sequential net = mlp({2, 1}, noise), copy = net;
  params(net)[0].copy_(Tensor::ones({2, 1}));
  EXPECT_THAT(params(copy)[0].to_host(), ElementsAre(1, 1));
}

// ---- Names

TEST(Names, AreNumberedLikePyTorch) {
  Noise noise(3, "test");
  Sequential net = mlp({2, 3, 1}, noise, {.batch_norm = true});
  EXPECT_THAT(names(net), ElementsAre("0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var",
                                      "3.weight", "3.bias"));
  EXPECT_EQ(params(net).size(), 6u) << "running statistics are not trained";
}

TEST(Names, AreUnique) {
  Noise noise(3, "test");
  const DcganOptions options{.size = 28, .latent = 4, .width = 2};
  Meg meg(dcgan_generator(options, noise), dcgan_critic(options, noise, {.spectral_norm = true}),
          {dcgan_critic(options, noise, {.outputs = 4}), mlp({8, 1}, noise)}, {.latent = 4}, noise.fork("latent"));
  const auto all = names(meg);
  EXPECT_EQ(std::set(all.begin(), all.end()).size(), all.size());
  EXPECT_THAT(all, testing::IsSupersetOf({"generator.0.weight", "energy.0.spectral_norm.u", "statistics.head.0.bias",
                                          "energy_adam.steps", "latent.step"}));
}

// ---- Initial weights

TEST(Init, OrthogonalFramesAreOrthonormal) {
  Noise noise(4, "test");
  for (const Shape& shape : {Shape{5, 5}, Shape{7, 3}, Shape{3, 7}, Shape{3, 3, 2, 4}, Shape{1, 4}}) {
    const Matrix w = matrix(init::orthogonal(2)(shape, 0, 0, noise));
    const Matrix gram = w.rows() < w.cols() ? Matrix(w * w.transpose()) : Matrix(w.transpose() * w);
    EXPECT_LT((gram - 4 * Matrix::Identity(gram.rows(), gram.cols())).cwiseAbs().maxCoeff(), 1e-5) << to_string(shape);
  }
}

TEST(Init, DeviationsFollowTheFans) {
  Noise noise(5, "test");
  const Shape shape{100, 400};
  const auto check = [&](const char* name, const Init& init, double mean, double deviation) {
    const auto w = matrix(init(shape, 100, 400, noise));
    const double n = double(shape.size());
    EXPECT_NEAR(w.mean(), mean, 5 * deviation / std::sqrt(n)) << name;
    EXPECT_NEAR(std::sqrt((w.array() - w.mean()).square().mean()), deviation, 5 * deviation / std::sqrt(2 * n)) << name;
  };
  check("fan_in_uniform", init::fan_in_uniform(), 0, 1 / std::sqrt(100.0) / std::sqrt(3.0));
  check("he_uniform", init::he_uniform(), 0, std::sqrt(2 / 100.0));
  check("glorot_uniform", init::glorot_uniform(3), 0, 3 * std::sqrt(2 / 500.0));
  check("normal", init::normal(real(0.02), 1), 1, 0.02);
  EXPECT_THAT(init::constant(3)({2}, 1, 1, noise).to_host(), ElementsAre(3, 3));
}

TEST(Init, DefaultsAreThoseOfPyTorch) {
  Noise noise(5, "test");
  const auto largest = [](const Tensor& t) { return matrix(t).cwiseAbs().maxCoeff(); };
  const Linear linear(64, 32, noise);
  const Conv2d conv(4, 32, 3, noise);
  const ConvTranspose2d transposed(32, 4, 3, noise);
  for (const auto& [t, fan_in] :
       {std::pair{linear.weight, 64}, {linear.bias, 64}, {conv.weight, 36}, {conv.bias, 36}, {transposed.weight, 36}}) {
    EXPECT_LE(largest(t), 1 / std::sqrt(double(fan_in)));
    EXPECT_GE(largest(t), 0.8 / std::sqrt(double(fan_in)));
  }
  EXPECT_FALSE(Linear(2, 2, noise, {.bias = false}).bias);
}

// ---- Convolution layers

TEST(ConvTranspose2d, IsTheTransposeOfItsConvolution) {
  Noise noise(6, "test");
  ConvOptions options;
  options.bias = false;
  options.stride = 2;
  options.pad = 2;
  options.output_pad = 1;
  ConvTranspose2d up(3, 2, 5, noise, options);
  const Tensor small = noise.normal({2, 4, 4, 3}), large = noise.normal({2, 8, 8, 2});
  // <up(small), large> = <small, conv(large)>
  const Tensor left = sum(up(small, Mode::train) * large), right = sum(small * conv2d(large, up.weight, 2, 2));
  EXPECT_NEAR(left.item(), right.item(), 1e-4);
}

TEST(ConvTranspose2d, RefusesWhatIsNoImage) {
  Noise noise(6, "test");
  ConvTranspose2d up(3, 2, 5, noise);
  EXPECT_THAT([&] { up(Tensor::ones({2, 3}), Mode::train); }, ThrowsMessage<std::invalid_argument>(HasSubstr("[2,3]")));
}

// ---- Batch norm

TEST(BatchNorm, RunningStatisticsAreThoseOfPyTorch) {
  Noise noise(7, "test");
  BatchNorm norm(2, noise);
  const std::vector<real> x{1, 10, 2, 20, 6, 60};  // means 3 and 30, unbiased variances 7 and 700
  norm(Tensor::from_host({3, 2}, x), Mode::train);
  EXPECT_THAT(norm.running_mean.to_host(), ElementsAre(testing::FloatNear(0.3f, 1e-6f), testing::FloatNear(3, 1e-5f)));
  EXPECT_THAT(norm.running_var.to_host(),
              ElementsAre(testing::FloatNear(0.9f + 0.7f, 1e-5f), testing::FloatNear(0.9f + 70, 1e-3f)));
  norm(Tensor::from_host({3, 2}, x), Mode::eval);
  EXPECT_NEAR(norm.running_mean.to_host()[0], 0.3, 1e-6) << "evaluation must not move the statistics";
}

TEST(BatchNorm, TrainingNormalisesTheBatch) {
  Noise noise(7, "test");
  BatchNorm norm(3, noise);
  const Matrix y = matrix(norm(affine(noise.normal({4, 5, 5, 3}), 3, -2), Mode::train));
  for (int c = 0; c < 3; ++c) {
    EXPECT_NEAR(y.col(c).mean(), 0, 1e-6);
    EXPECT_NEAR(y.col(c).array().square().mean(), 1, 1e-4);
  }
}

TEST(BatchNorm, InEvaluationSamplesDoNotSeeEachOther) {
  Noise noise(8, "test");
  const DcganOptions options{.size = 28, .latent = 4, .width = 2};
  Sequential g = dcgan_generator(options, noise);
  for (int i = 0; i < 3; ++i) g(noise.normal({8, 4}), Mode::train);
  const Tensor z = noise.normal({3, 4});
  const auto together = g(z, Mode::eval).to_host(), alone = g(slice(z, 0, 1, 2), Mode::eval).to_host();
  for (size_t i = 0; i < alone.size(); ++i) ASSERT_NEAR(alone[i], together[alone.size() + i], 1e-6);
  // and training is another matter
  const auto trained = g(z, Mode::train).to_host();
  EXPECT_NE(trained, together);
}

/// A network runs a batch norm and the (leaky) ReLU behind it as one; its layers one by one are the law.
TEST(BatchNorm, WithAnActivationBehindItIsTheSameInOne) {
  for (const auto kind : {Activation::Kind::relu, Activation::Kind::leaky_relu, Activation::Kind::tanh})
    for (const Mode mode : {Mode::train, Mode::eval}) {
      Noise noise(8, "test"), same_noise(8, "test");
      Sequential net = mlp({3, 7, 5, 2}, noise, {.hidden{kind}, .batch_norm = true}),
                 layers = mlp({3, 7, 5, 2}, same_noise, {.hidden{kind}, .batch_norm = true});
      const Tensor x = noise.normal({20, 3});
      const auto gradients = [&](Sequential& all, const auto& run) {
        std::vector<Tensor> inputs = params(all);
        inputs.push_back(x);
        Tape tape;
        tape.watch(inputs);
        const Tensor y = run();
        std::vector<std::vector<real>> results{y.to_host()};
        for (const Tensor& g : tape.grad(sum(square(y)), inputs)) results.push_back(g.to_host());
        for (const auto& entry : entries(all)) results.push_back(entry.tensor->to_host());  // running statistics too
        return results;
      };
      const auto got = gradients(net, [&] { return net(x, mode); });
      const auto expected = gradients(layers, [&] {
        Tensor y = x;
        for (Layer& layer : layers.layers) y = std::visit([&](auto& l) { return l(y, mode); }, layer);
        return y;
      });
      ASSERT_EQ(got.size(), expected.size());
      for (size_t i = 0; i < got.size(); ++i)
        EXPECT_THAT(got[i], testing::Pointwise(testing::FloatNear(2e-5f), expected[i])) << "result " << i;
    }
}

TEST(BatchNorm, RunsOneKernelForItselfAndItsActivation) {
  Noise noise(8, "test");
  Sequential net = mlp({3, 7, 2}, noise, {.batch_norm = true});
  const Launches launches;
  net(noise.normal({20, 3}), Mode::train);
  EXPECT_EQ(launches.begun.count("relu"), 0u);
  EXPECT_EQ(launches.begun.at("batch_norm"), 1);
}

TEST(BatchNorm, JoinsTheConvolutionBeforeItInTraining) {
  Noise noise(23, "test");
  const auto after = [&](auto make_conv, const Shape& shape) {
    for (const bool bias : {true, false}) {
      SCOPED_TRACE(bias ? "with a bias" : "without one");
      Layer conv = make_conv(bias);
      BatchNorm norm(4, noise, init::normal(1, real(0.1)));
      Sequential net{{conv, norm, Activation{Activation::Kind::relu}}};
      const Tensor x = noise.normal(shape);
      // By themselves, on copies of the running statistics: a copy of a layer would share them.
      BatchNorm other = norm;
      other.running_mean = norm.running_mean.clone(), other.running_var = norm.running_var.clone();
      const Tensor between = std::visit([&](auto& layer) { return layer(x, Mode::train); }, conv);
      const Tensor expected = other(between, Mode::train, 0);
      const Tensor y = net(x, Mode::train);
      EXPECT_THAT(y.to_host(), testing::Pointwise(testing::FloatNear(1e-5f), expected.to_host()));
      EXPECT_THAT(norm.running_mean.to_host(),
                  testing::Pointwise(testing::FloatNear(1e-6f), other.running_mean.to_host()));
      EXPECT_THAT(norm.running_var.to_host(),
                  testing::Pointwise(testing::FloatNear(1e-5f), other.running_var.to_host()));
      const Launches seen;
      net(x, Mode::train);
      EXPECT_EQ(seen.begun.contains("conv2d_batch_norm") + seen.begun.contains("conv2d_dx_batch_norm"), 1);
      EXPECT_FALSE(seen.begun.contains("batch_norm"));
    }
  };
  const auto options = [](bool bias) {
    ConvOptions o;
    o.stride = 2, o.pad = 1, o.bias = bias;
    return o;
  };
  after([&](bool bias) { return Layer(Conv2d(3, 4, 4, noise, options(bias))); }, {2, 6, 6, 3});
  after([&](bool bias) { return Layer(ConvTranspose2d(3, 4, 4, noise, options(bias))); }, {2, 3, 3, 3});
}

TEST(BatchNorm, RefusesANegativeSlope) {
  const Tensor x = Tensor::ones({4, 3}), c = Tensor::ones({3});
  EXPECT_THAT([&] { batch_norm(x, c, c, real(1e-5), real(-0.1)); },
              ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("[batch_norm]"), HasSubstr("-0.1"))));
}

/// DDLS differentiates a generator in evaluation mode: its batch norm is then an affine map of x.
TEST(BatchNorm, IsDifferentiableInEvaluation) {
  Noise noise(8, "test");
  BatchNorm norm(2, noise, init::constant(3));
  norm.running_var.copy_(Tensor::full({2}, 4));
  const Tensor x = noise.normal({2, 2});
  Tape tape;
  tape.watch(x);
  EXPECT_THAT(tape.grad(sum(norm(x, Mode::eval)), {x})[0].to_host(), testing::Each(testing::FloatNear(1.5f, 1e-5f)));
}

// ---- Layers without products

TEST(Residual, AddsItsShortcutAndNamesItsParts) {
  Noise noise(3, "test");
  Residual block{{{Linear(3, 3, noise), Activation{Activation::Kind::tanh}}}, {}};
  const Tensor x = noise.normal({4, 3});
  EXPECT_EQ(block(x, Mode::eval).to_host(), (block.main(x, Mode::eval) + x).to_host());
  block.shortcut = {{Linear(3, 3, noise)}};
  EXPECT_EQ(block(x, Mode::eval).to_host(), (block.main(x, Mode::eval) + block.shortcut(x, Mode::eval)).to_host());
  Sequential net{{Activation{Activation::Kind::relu}, block}};
  EXPECT_THAT(names(net), ElementsAre("1.main.0.weight", "1.main.0.bias", "1.shortcut.0.weight", "1.shortcut.0.bias"));
}

TEST(Layers, SumCropAndMaxout) {
  std::vector<real> values(24);
  for (size_t i = 0; i < values.size(); ++i) values[i] = real(i);
  const Tensor image = Tensor::from_host({1, 3, 4, 2}, values);
  EXPECT_THAT(SumPixels{}(image, Mode::eval).to_host(), ElementsAre(132, 144));
  EXPECT_THAT(SumPixels{.mean = true}(image, Mode::eval).to_host(), ElementsAre(11, 12));
  EXPECT_THAT(Crop{2}(image, Mode::eval).to_host(), ElementsAre(0, 1, 2, 3, 8, 9, 10, 11));
  const Tensor pieces = Tensor::from_host({2, 6}, std::vector<real>{0, 9, 4, 1, 2, 3, -5, -1, -4, -2, -3, -6});
  EXPECT_THAT(Maxout{3}(pieces, Mode::eval).to_host(), ElementsAre(4, 9, -3, -1));
}

TEST(Dropout, KeepsTheMeanInTrainingAndEverythingInEvaluation) {
  Dropout dropout(real(0.25), Noise(4, "test"));
  const Tensor x = Tensor::full({100, 100}, 3);
  EXPECT_EQ(dropout(x, Mode::eval).to_host(), x.to_host());
  int dropped = 0;
  for (const real y : dropout(x, Mode::train).to_host()) {
    dropped += y == 0;
    EXPECT_TRUE(y == 0 || std::abs(y - 4) < 1e-5) << y;
  }
  EXPECT_NEAR(dropped, 2500, 4 * std::sqrt(10000 * 0.25 * 0.75));
  EXPECT_NE(dropout(x, Mode::train).to_host(), dropout(x, Mode::train).to_host());
  EXPECT_THROW(Dropout(1, Noise(4, "test")), std::invalid_argument);
}

/// The masks are state that a checkpoint holds: from the same step on they are the same.
TEST(Dropout, GoesOnWhereItsNoiseIs) {
  Dropout a(real(0.5), Noise(4, "test")), b(real(0.5), Noise(4, "test"));
  const Tensor x = Tensor::ones({50});
  a(x, Mode::train);
  const auto state = entries(a), other = entries(b);
  ASSERT_EQ(state.size(), 1u);
  other[0].write(state[0].read());
  EXPECT_EQ(a(x, Mode::train).to_host(), b(x, Mode::train).to_host());
}

// ---- Spectral norm

TEST(SpectralNorm, AsABoundItLeavesSmallWeightsAlone) {
  Noise noise(9, "test");
  const Tensor w = noise.normal({6, 4});
  SpectralNorm bound(4, noise, true);
  const Tensor small = w * (real(0.5) / real(largest_singular_value(w)));
  const Tensor zero = Tensor::zeros({6, 4});
  for (int i = 0; i < 200; ++i) bound(w, Mode::train);
  EXPECT_NEAR(largest_singular_value(bound(w, Mode::eval)), 1, 1e-3);
  EXPECT_EQ(bound(small, Mode::train).to_host(), small.to_host());
  EXPECT_EQ(bound(zero, Mode::train).to_host(), zero.to_host());
}

TEST(SpectralNorm, ConvergesToTheLargestSingularValue) {
  Noise noise(9, "test");
  for (const Shape& shape : {Shape{6, 4}, Shape{4, 6}, Shape{3, 3, 2, 5}, Shape{1, 3}}) {
    const Tensor w = noise.normal(shape);
    SpectralNorm norm(shape.back(), noise);
    for (int i = 0; i < 300; ++i) norm(w, Mode::train);
    const Tensor normalised = norm(w, Mode::eval);
    EXPECT_EQ(normalised.shape(), shape);
    EXPECT_NEAR(largest_singular_value(normalised), 1, 1e-4) << to_string(shape);
    EXPECT_LT((matrix(normalised) * largest_singular_value(w) - matrix(w)).cwiseAbs().maxCoeff(), 1e-4)
        << to_string(shape);
  }
}

TEST(SpectralNorm, AdvancesInTrainingOnly) {
  Noise noise(10, "test");
  SpectralNorm norm(4, noise);
  const Tensor w = noise.normal({6, 4});
  const auto u = [&] { return entries(norm)[0].tensor->to_host(); };
  const auto start = u();
  norm(w, Mode::eval);
  EXPECT_EQ(u(), start);
  norm(w, Mode::train);
  EXPECT_NE(u(), start);
  double length = 0;
  for (const real value : u()) length += double(value) * value;
  EXPECT_NEAR(length, 1, 1e-5);
}

TEST(SpectralNorm, MakesALinearLayerOneLipschitz) {
  Noise noise(11, "test");
  Linear layer(5, 3, noise, {.bias = false, .spectral_norm = true, .weight_init = init::normal(4)});
  for (int i = 0; i < 300; ++i) layer(Tensor::zeros({1, 5}), Mode::train);
  const Tensor x = noise.normal({100, 5});
  const Matrix before = matrix(x), after = matrix(layer(x, Mode::eval));
  for (int i = 0; i < 100; ++i) EXPECT_LE(after.row(i).norm(), before.row(i).norm() * 1.0001);
}

}  // namespace
}  // namespace erg::test
