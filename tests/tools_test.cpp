// The program's parts: data sets, mode counting, pictures, checkpoints of systems.
#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>

#include "engine/io/checkpoint.h"
#include "tools/data.h"
#include "tools/error.h"
#include "tools/metrics/modes.h"
#include "tools/picture.h"
#include "tools/recipes/recipes.h"

namespace erg::tools {
namespace {

TEST(Data, GridHasTwentyFiveScaledModes) {
  const Mixture grid = grid_of_25_gaussians();
  ASSERT_EQ(grid.centres.size(), 25u);
  EXPECT_NEAR(grid.deviation, 0.01768, 1e-5);
  EXPECT_NEAR(grid.centres[1][1] - grid.centres[0][1], 0.7072, 1e-4);
}

TEST(Data, ASequenceDependsOnTheSeedAlone) {
  const auto a = open_data("25gaussians", "", 5), b = open_data("25gaussians", "", 5),
             c = open_data("25gaussians", "", 6);
  a->next(7);
  b->next(7);
  c->next(7);
  const std::vector<real> second = a->next(7).to_host();
  EXPECT_EQ(second, b->next(7).to_host());
  EXPECT_NE(second, c->next(7).to_host());
}

TEST(Data, UnknownNameListsTheKnownOnes) {
  try {
    open_data("moons", "", 1);
    FAIL();
  } catch (const UsageError& error) { EXPECT_THAT(error.what(), testing::HasSubstr("'moons'; there are 25gaussians")); }
}

TEST(Data, AnEpochShowsEveryImageOnce) {
  if (!std::getenv("ERG_DATA")) GTEST_SKIP() << "needs MNIST: set ERG_DATA";
  const auto data = open_data("mnist", "", 1);
  double first = 0, second = 0;
  for (int i = 0; i < 60; ++i)
    for (real p : data->next(1000).to_host()) first += p;
  for (int i = 0; i < 60; ++i)
    for (real p : data->next(1000).to_host()) second += p;
  EXPECT_NEAR(first, second, 1e-6 * std::abs(first));
}

TEST(Modes, TheDataItselfScoresWhatTheNormalLawSays) {
  const auto data = open_data("25gaussians", "", 1);
  const ModeCount count = count_modes(*mixture_of("25gaussians"), data->next(40000));
  EXPECT_EQ(count.found, 25);
  // 1 - exp(-9/2) = 0.98889; four standard errors of 40,000 draws
  EXPECT_NEAR(count.high_quality, 0.98889, 4 * std::sqrt(0.98889 * 0.01111 / 40000));
}

TEST(Modes, MissesAndNansCountForNothing) {
  const Mixture two{{{-1, 0}, {1, 0}}, 0.1};
  const real nan = std::nan("");
  const ModeCount count =
      count_modes(two, Tensor::from_host({4, 2}, std::vector<real>{1, real(0.2), 1, real(0.4), nan, 0, 0, 0}));
  EXPECT_EQ(count.found, 1);
  EXPECT_EQ(count.total, 2);
  EXPECT_DOUBLE_EQ(count.high_quality, 0.25);
}

TEST(Picture, DarkWhereSamplesAreAndBrightWhereEnergyIsLow) {
  const View view{.extent = 1, .size = 10};
  const io::Image scatter =
      scatter_picture(Tensor::from_host({1, 2}, std::vector<real>{real(-0.9), real(0.9)}), std::nullopt, view);
  EXPECT_LT(scatter.pixels[0], 255);                         // upper left
  EXPECT_EQ(scatter.pixels[size_t(3 * (10 * 9 + 9))], 255);  // lower right
  const io::Image landscape =
      energy_picture([](const Tensor& x) { return sum_per_sample(square(x - real(0.9))) * 20; }, view);
  EXPECT_GT(landscape.pixels[3 * 9], 200);              // upper right: the lowest energy
  EXPECT_LT(landscape.pixels[size_t(3 * 10 * 9)], 50);  // lower left
}

/// A checkpoint restores a system so fully that training goes on with the same bits.
class Checkpoint : public testing::TestWithParam<const char*> {};

TEST_P(Checkpoint, TrainingGoesOnWithTheSameBits) {
  Settings settings = preset(GetParam(), "25gaussians", "small");
  settings.width = 8;
  settings.batch = 16;
  settings.buffer = 64;
  const auto file =
      std::filesystem::temp_directory_path() / ("erg-checkpoint-" + std::string(GetParam()) + ".safetensors");
  const auto advance = [&](Trainer& trainer, Data& data) {
    for (int i = 0; i < 3; ++i) trainer.step([&] { return data.next(settings.batch); });
  };
  const auto data = open_data(settings.data, "", 1), other_data = open_data(settings.data, "", 1);
  const auto trainer = make_trainer(settings, {2});
  advance(*trainer, *data);
  io::save(file, *trainer);
  const io::StateDict data_state = io::state_of(entries(*data));
  advance(*trainer, *data);

  settings.seed = 1;
  const auto restored = make_trainer(settings, {2});
  io::load(file, *restored);
  io::restore(entries(*other_data), data_state);
  advance(*restored, *other_data);
  const io::StateDict a = io::state_of(entries(*trainer)), b = io::state_of(entries(*restored));
  EXPECT_EQ(a.metadata, b.metadata);
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (const auto& [name, tensor] : a.tensors) EXPECT_EQ(tensor.to_host(), b.tensors.at(name).to_host()) << name;
  std::filesystem::remove(file);
}

INSTANTIATE_TEST_SUITE_P(Systems, Checkpoint, testing::Values("gan", "wgan-gp", "ebm", "meg"), [](const auto& info) {
  std::string name = info.param;
  std::erase(name, '-');
  return name;
});

TEST(CheckpointLayout, WeightsAreStoredAsPyTorchKeepsThem) {
  Noise noise(1, "test");
  Linear linear(3, 5, noise);
  ConvOptions options;
  Conv2d conv(2, 4, 3, noise, options);
  const io::StateDict of_linear = io::state_of(entries(linear)), of_conv = io::state_of(entries(conv));
  EXPECT_EQ(of_linear.tensor("weight").shape(), (Shape{5, 3}));
  EXPECT_EQ(of_conv.tensor("weight").shape(), (Shape{4, 2, 3, 3}));
  // [out=1, in=0] there is [in=0, out=1] here; [out=3, in=1, ky=2, kx=0] there is [2, 0, 1, 3] here.
  EXPECT_EQ(of_linear.tensor("weight").to_host()[1 * 3 + 0], linear.weight.to_host()[0 * 5 + 1]);
  EXPECT_EQ(of_conv.tensor("weight").to_host()[((3 * 2 + 1) * 3 + 2) * 3 + 0],
            conv.weight.to_host()[((2 * 3 + 0) * 2 + 1) * 4 + 3]);

  const std::vector<real> before = conv.weight.to_host();
  conv.weight.copy_(Tensor::zeros(conv.weight.shape()));
  io::restore(entries(conv), of_conv);
  EXPECT_EQ(conv.weight.to_host(), before);
}

TEST(CheckpointLayout, AMisfitChangesNothing) {
  Noise noise(1, "test");
  Linear small(3, 5, noise), large(3, 6, noise);
  const std::vector<real> before = large.weight.to_host();
  EXPECT_THROW(io::restore(entries(large), io::state_of(entries(small))), std::runtime_error);
  EXPECT_EQ(large.weight.to_host(), before);
}

TEST(Rate, FollowsItsSchedule) {
  Settings s;
  s.rate = 2;
  s.steps = 100;
  EXPECT_EQ(rate_at(s, 100), 2);
  s.schedule = "late";
  EXPECT_EQ(rate_at(s, 1), 2);
  EXPECT_EQ(rate_at(s, 51), 2);
  EXPECT_NEAR(rate_at(s, 76), 1, 1e-12);
  EXPECT_NEAR(rate_at(s, 100), 0.04, 1e-12);
  s.schedule = "linear";
  EXPECT_EQ(rate_at(s, 1), 2);
  EXPECT_NEAR(rate_at(s, 51), 1, 1e-12);
  EXPECT_NEAR(rate_at(s, 100), 0.02, 1e-12);
}

TEST(Presets, ASetWithoutARowTakesTheNearest) {
  EXPECT_EQ(preset_text("meg", "cifar10", "paper"), "paper");
  EXPECT_EQ(preset_text("meg", "swissroll", "paper"), "paper of 25gaussians, the nearest to swissroll that it has");
  EXPECT_EQ(preset_text("meg", "fashion-mnist", "small"), "small of mnist, the nearest to fashion-mnist that it has");
}

}  // namespace
}  // namespace erg::tools
