// EBGAN: its energy, hinge and pulling-away term on numbers made by hand, whom the term reaches, and that it learns.
#include "models/ebgan.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "models/nets.h"
#include "system_laws.h"

namespace erg::test {
namespace {

Tensor matrix(int64_t rows, const std::vector<real>& values) {
  return Tensor::from_host({rows, int64_t(values.size()) / rows}, values);
}

Noise masks() { return Noise(1, "masks"); }

// ---- The energy

TEST(EbganEnergy, IsTheEuclideanNormOfEachSamplesError) {
  Noise noise(1, "test");
  Sequential decoder = mlp({2, 2}, noise);
  for (Tensor& weight : params(decoder)) weight.copy_(Tensor::zeros(weight.shape()));  // reconstructs nothing
  AutoEncoder d{{}, decoder};
  const Tensor r = d(matrix(2, {3, 4, 5, 12}), Mode::train);
  EXPECT_EQ(r.shape(), (Shape{2, 1}));
  EXPECT_THAT(r.to_host(), testing::ElementsAre(5, 13));
  // A perfect one has no error, and a finite slope.
  params(decoder)[0].copy_(matrix(2, {1, 0, 0, 1}));
  const Tensor x = matrix(2, {3, 4, 5, 12});
  Tape tape;
  tape.watch(x);
  const Tensor none = sum(d(x, Mode::train));
  EXPECT_NEAR(none.item(), 0, 1e-5);
  for (const real slope : tape.grad(none, {x})[0].to_host()) EXPECT_EQ(slope, 0);
}

TEST(EbganEnergy, OfImagesCountsAllTheirPixels) {
  Noise noise(2, "test");
  const EbganGrid grid{.discriminator_layers = 2, .discriminator_size = 8};
  AutoEncoder d = ebgan_auto_encoder(grid, {4, 4, 1}, noise, masks());
  for (Tensor& weight : params(d)) weight.copy_(Tensor::zeros(weight.shape()));
  EXPECT_THAT(d(Tensor::full({3, 4, 4, 1}, 2), Mode::train).to_host(), testing::Each(8));
}

// ---- The losses

TEST(EbganLoss, TheHingeIsOfEachFake) {
  const Objective o = Ebgan::objective(2);
  const Tensor data = Tensor::from_host({2}, std::vector<real>{1, 3}),
               fakes = Tensor::from_host({2}, std::vector<real>{real(0.5), 4});
  EXPECT_FLOAT_EQ(o.critic(data, fakes).item(), 2 + real(1.5) / 2);
  EXPECT_FLOAT_EQ(o.generator(fakes).item(), real(2.25));
  // The batch's mean energy is beyond the margin, where a hinge on it would push nobody.
  EXPECT_EQ(relu(2 - mean(fakes)).item(), 0);
  Tape tape;
  tape.watch(fakes);
  EXPECT_THAT(tape.grad(o.critic(data, fakes), {fakes})[0].to_host(), testing::ElementsAre(-0.5, 0));
}

TEST(PullingAway, IsTheMeanSquaredCosineOfPairs) {
  const auto term = [](const Tensor& codes) { return Ebgan::pulling_away(codes).item(); };
  EXPECT_NEAR(term(matrix(3, {2, 0, 0, 0, 3, 0, 0, 0, 5})), 0, 1e-6);  // orthogonal
  EXPECT_NEAR(term(matrix(3, {1, 2, 1, 2, 1, 2})), 1, 1e-6);           // equal
  EXPECT_NEAR(term(matrix(2, {1, 2, -3, -6})), 1, 1e-6);               // opposite: the square
  EXPECT_NEAR(term(matrix(2, {1, 0, 7, 7})), 0.5, 1e-6);               // 45 degrees
  EXPECT_NEAR(term(matrix(3, {1, 0, 0, 1, 1, 1})), (0 + 0.5 + 0.5) / 3, 1e-6);
  EXPECT_THROW(Ebgan::pulling_away(Tensor::ones({1, 3})), std::invalid_argument);
}

// ---- Training

/// Points on a line through the origin of eight dimensions.
Tensor line(Noise& noise, int64_t count) {
  return noise.normal({count, 1}) * Tensor::from_host({1, 8}, std::vector<real>{1, -1, 2, 0, 1, 1, -2, 1});
}

const EbganGrid small{
    .generator_layers = 3, .discriminator_layers = 3, .generator_size = 32, .discriminator_size = 32, .latent = 4};

std::unique_ptr<Ebgan> small_ebgan(uint64_t seed, const EbganGrid& grid, real pulling_away) {
  Noise noise(seed, "weights");
  Sequential generator = ebgan_generator(grid, {8}, noise);
  return std::make_unique<Ebgan>(generator, ebgan_auto_encoder(grid, {8}, noise, masks()),
                                 Ebgan::Options{.latent = 4, .margin = 2, .pulling_away = pulling_away},
                                 Noise(1, "latent"));
}

TEST(Ebgan, TheDataGetsTheLowestEnergy) {
  set_threads(1);
  Noise noise(5, "test");
  EbganGrid grid = small;
  grid.discriminator_layers = 2;  // no batch norm, so that training and evaluation see one energy
  const auto ebgan = small_ebgan(1, grid, 0);
  const Tensor data = line(noise, 64), elsewhere = 2 * noise.normal({64, 8});
  const real before = mean(ebgan->energy()(data)).item();
  Metrics metrics;
  for (int i = 0; i < 100; ++i) metrics = ebgan->step([&] { return line(noise, 64); });
  EXPECT_LT(mean(ebgan->energy()(data)).item(), before / 4);
  EXPECT_GT(mean(ebgan->energy()(elsewhere)).item(), 3 * mean(ebgan->energy()(data)).item());
  EXPECT_GT(metric(metrics, "R(G)"), 0);
}

TEST(Ebgan, PullingAwayIsTheGeneratorsAlone) {
  set_threads(1);
  Noise noise(6, "test");
  const Tensor data = line(noise, 32);
  const auto plain = small_ebgan(1, small, 0), pulled = small_ebgan(1, small, real(0.1));
  plain->step([&] { return data; });
  EXPECT_LE(metric(pulled->step([&] { return data; }), "pulling_away"), 1);
  const auto a = entries(*plain), b = entries(*pulled);
  bool generators_differ = false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!a[i].trained) continue;
    const bool same = same_bits(a[i].tensor->to_host(), b[i].tensor->to_host());
    if (a[i].name.starts_with("critic"))
      EXPECT_TRUE(same) << a[i].name;
    else
      generators_differ = generators_differ || !same;
  }
  EXPECT_TRUE(generators_differ);
}

TEST(Ebgan, GoesOnWithTheSameBits) {
  EbganGrid grid = small;
  grid.dropout = real(0.5);
  expect_resumable([&](uint64_t seed) { return small_ebgan(seed, grid, real(0.1)); },
                   [](Ebgan& ebgan, int i) {
                     Noise data(uint64_t(i), "data");
                     ebgan.step([&] { return line(data, 64); });
                   });
}

TEST(EbganGrid, CountsLayersAsThePaperDoes) {
  Noise noise(7, "test");
  const EbganGrid grid{
      .generator_layers = 4, .discriminator_layers = 3, .generator_size = 20, .discriminator_size = 10, .latent = 5};
  Sequential g = ebgan_generator(grid, {4, 4, 1}, noise);
  AutoEncoder d = ebgan_auto_encoder(grid, {4, 4, 1}, noise, masks());
  EXPECT_EQ(g(noise.normal({2, 5}), Mode::train).shape(), (Shape{2, 4, 4, 1}));
  EXPECT_EQ(count_params(g), (5 * 20 + 20) + 2 * (20 * 20 + 20) + (20 * 16 + 16) + 3 * 2 * 20);
  EXPECT_EQ(count_params(d), (16 * 10 + 10) + (10 * 10 + 10) + (10 * 16 + 16) + 2 * 10);
  // A GAN's discriminator in that cell ends in one number instead.
  Sequential gans = ebgan_discriminator(grid, {4, 4, 1}, 1, noise, masks());
  EXPECT_EQ(count_params(gans), count_params(d) - (10 * 16 + 16) + (10 + 1));
  EXPECT_THROW(ebgan_auto_encoder({.discriminator_layers = 1}, {4}, noise, masks()), std::invalid_argument);
}

TEST(EbganGrid, DropoutFollowsEachLayerOfTheEncoderInTraining) {
  Noise noise(8, "test");
  const EbganGrid grid{.discriminator_layers = 3, .discriminator_size = 200, .dropout = real(0.75)};
  AutoEncoder d = ebgan_auto_encoder(grid, {4}, noise, masks());
  for (const Visitor::Entry& e : entries(d))
    if (e.trained && e.name.ends_with("bias")) e.tensor->copy_(Tensor::ones(e.tensor->shape()));  // no ReLU says zero
  const Tensor x = Tensor::zeros({50, 4}), code = d.code(x, Mode::train);
  const std::vector<real> units = code.to_host();
  const auto dropped = double(std::count(units.begin(), units.end(), real(0)));
  EXPECT_GT(dropped, 7500 - 5 * std::sqrt(10000 * 0.75 * 0.25));  // five standard errors, and what ReLU adds
  EXPECT_NE(d.code(x, Mode::train).to_host(), units);
  EXPECT_EQ(d.code(x, Mode::eval).to_host(), d.code(x, Mode::eval).to_host());
  EXPECT_THROW(ebgan_auto_encoder({.dropout = 1}, {4}, noise, masks()), std::invalid_argument);
}

}  // namespace
}  // namespace erg::test
