// The program's parts: data sets, pictures, checkpoints of systems.
#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <map>

#include "engine/io/checkpoint.h"
#include "io_support.h"
#include "tiny_settings.h"
#include "tools/alarms.h"
#include "tools/data_images.h"
#include "tools/dry_run.h"
#include "tools/error.h"
#include "tools/event_file.h"
#include "tools/picture.h"
#include "tools/recipes/recipes.h"

namespace erg::tools {
namespace {

using test::tiny;

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

TEST(Data, RingsLieOnFourCircles) {
  const std::vector<real> x = open_data("rings", "", 1)->next(4000).to_host();
  int on_ring[4] = {};
  for (size_t i = 0; i < x.size(); i += 2) {
    const double radius = std::hypot(x[i], x[i + 1]), ring = std::round(2 * radius);
    ASSERT_TRUE(ring >= 1 && ring <= 4 && std::abs(radius - ring / 2) < 6 * 0.05) << radius;
    ++on_ring[int(ring) - 1];
  }
  for (const int count : on_ring) EXPECT_NEAR(count, 1000, 4 * std::sqrt(1000 * 0.75));
}

TEST(Data, OptionsThatASetHasNotAreRefused) {
  EXPECT_THROW(open_data("rings", "", 1, {.dequantise = true}), UsageError);
  EXPECT_THROW(open_data("25gaussians", "", 1, {.labels = 100}), UsageError);
  EXPECT_THROW(open_data("25gaussians", "", 1)->next_labelled(4), UsageError);
}

TEST(Data, HeldOutPointsAreOthersOfTheSameLaw) {
  for (const std::string name : {"25gaussians", "8gaussians", "swissroll", "rings"}) {
    const auto points = [&](uint64_t seed, bool held_out) {
      return open_data(name, "", seed, {.held_out = held_out})->next(20000);
    };
    const Tensor training = points(1, false), held_out = points(1, true);
    EXPECT_NE(training.to_host(), held_out.to_host()) << name;
    EXPECT_NE(held_out.to_host(), points(2, true).to_host()) << name;
    EXPECT_EQ(held_out.to_host(), points(1, true).to_host()) << name;
    EXPECT_NEAR(mean(training).item(), mean(held_out).item(), 0.05) << name;
    EXPECT_NEAR(mean(square(training)).item(), mean(square(held_out)).item(), 0.05) << name;
  }
}

TEST(Data, HeldOutImagesAreTheTestImages) {
  const io::TemporaryFolder folder;
  const auto put = [&](const std::string& prefix, char pixel) {
    const std::string pixels(2 * 784, pixel);
    io::atomic_write(folder / (prefix + "-images-idx3-ubyte"), io::idx_file({2, 28, 28}, pixels));
    io::atomic_write(folder / (prefix + "-labels-idx1-ubyte"), io::idx_file({2}, "\1\2"));
  };
  put("train", '\0');
  put("t10k", '\xff');
  for (const std::string name : {"mnist", "fashion-mnist", "stackedmnist"}) {
    const auto pixels = [&](bool held_out) {
      return open_data(name, folder.path.string(), 1, {.held_out = held_out})->next(3).to_host();
    };
    EXPECT_THAT(pixels(false), testing::Each(-1)) << name;
    EXPECT_THAT(pixels(true), testing::Each(1)) << name;
  }
  EXPECT_EQ(load_images("stackedmnist", folder.path.string(), true).pixels[0], 255);
  EXPECT_THROW(load_images("rings", folder.path.string(), true), UsageError);
}

/// Four images of one pixel in two classes: what image sets do, without one.
io::ImageSet four_pixels() {
  return {.count = 4, .height = 1, .width = 1, .channels = 1, .pixels = {0, 50, 255, 200}, .labels = {0, 0, 1, 1}};
}

TEST(ImageData, ScalesBytesAndSpreadsThemOverTheirBins) {
  std::vector<real> x = image_data(four_pixels(), 1, {})->next(4).to_host();
  std::ranges::sort(x);
  EXPECT_THAT(x, testing::Pointwise(testing::FloatNear(1e-6f), {-1.f, 50 / 127.5f - 1, 200 / 127.5f - 1, 1.f}));
  const auto spread = image_data(four_pixels(), 1, {.dequantise = true});
  double least = 1, most = -1;
  for (const real pixel : spread->next(4000).to_host()) {
    const double bin = (pixel + 1) * 128;
    EXPECT_TRUE((bin >= 0 && bin < 1) || (bin >= 50 && bin < 51) || (bin >= 200 && bin < 201) ||
                (bin >= 255 && bin <= 256))
        << bin;
    if (bin < 1) least = std::min(least, bin), most = std::max(most, bin);
  }
  EXPECT_LT(least, 0.02);
  EXPECT_GT(most, 0.98);
}

TEST(ImageData, KnowsAsManyLabelsOfEachClass) {
  const auto known = [](uint64_t seed) {
    const auto data = image_data(four_pixels(), seed, {.labels = 2});
    const auto [x, y] = data->next_labelled(20);
    std::map<std::pair<real, real>, int> seen;  // pixel and class
    const std::vector<real> pixels = x.to_host(), classes = y.to_host();
    for (size_t i = 0; i < 20; ++i) {
      EXPECT_EQ(pixels[i] > 0, classes[i] == 1) << "the label of its own image";
      ++seen[{pixels[i], classes[i]}];
    }
    EXPECT_EQ(data->next(4).size(), 4);
    return seen;
  };
  const auto seen = known(1);
  ASSERT_EQ(seen.size(), 2u);
  for (const auto& [pixel, count] : seen) EXPECT_EQ(count, 10);
  EXPECT_EQ(seen, known(2)) << "which are known is no matter of the seed";
  EXPECT_THROW(image_data(four_pixels(), 1, {.labels = 3}), UsageError);
  EXPECT_THROW(image_data(four_pixels(), 1, {.labels = 6}), UsageError);
}

TEST(StackedData, IsAFixedSetOfStacks) {
  const auto stacks = [](uint64_t seed) { return stacked_data(four_pixels(), 1, seed, {}); };
  EXPECT_EQ(stacks(1)->next(50).to_host(), stacks(1)->next(50).to_host());
  EXPECT_NE(stacks(1)->next(50).to_host(), stacks(2)->next(50).to_host());
  const Tensor three = stacked_data(four_pixels(), 3, 1, {})->next(2000);
  EXPECT_EQ(three.shape(), (Shape{2000, 1, 1, 3}));
  // Its channels are independent and equally often each image.
  std::map<std::tuple<real, real, real>, int> tuples;
  const std::vector<real> x = three.to_host();
  for (size_t i = 0; i < x.size(); i += 3) ++tuples[{x[i], x[i + 1], x[i + 2]}];
  ASSERT_EQ(tuples.size(), 64u);
  for (const auto& [tuple, count] : tuples) EXPECT_NEAR(count, 2000 / 64., 5 * std::sqrt(2000 / 64.));
  EXPECT_THROW(stacked_data(four_pixels(), 3, 1, {.labels = 2}), UsageError);
}

TEST(StackedData, HeldOutStacksAreNoFixedSet) {
  constexpr int64_t drawn = 400000;
  const auto deviation = [](bool held_out) {  // of how often the images are seen from 1/4 of the time
    std::map<real, int64_t> counts;
    for (const real pixel : stacked_data(four_pixels(), 1, 1, {.held_out = held_out})->next(drawn).to_host())
      ++counts[pixel];
    double most = 0;
    for (const auto& [pixel, count] : counts) most = std::max(most, std::abs(double(count) / drawn - 0.25));
    return most;
  };
  const double five_sd = 5 * std::sqrt(0.25 * 0.75 / drawn);
  EXPECT_LT(deviation(true), five_sd);
  EXPECT_GT(deviation(false), five_sd) << "1,280 stacks are not equally often of each image";
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

INSTANTIATE_TEST_SUITE_P(Systems, Checkpoint,
                         testing::Values("gan", "lsgan", "f-gan", "wgan", "wgan-gp", "sngan", "unrolled", "veegan",
                                         "ddgm", "ebm", "meg"),
                         [](const auto& info) {
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
  s.schedule = "last-third";
  EXPECT_EQ(rate_at(s, 67), 2);
  EXPECT_NEAR(rate_at(s, 91), 0.6, 1e-12);
  s.schedule = "linear";
  EXPECT_EQ(rate_at(s, 1), 2);
  EXPECT_NEAR(rate_at(s, 51), 1, 1e-12);
  EXPECT_NEAR(rate_at(s, 100), 0.02, 1e-12);
}

TEST(Presets, ASetWithoutARowTakesTheNearest) {
  EXPECT_EQ(preset_text("meg", "cifar10", "paper"), "paper");
  EXPECT_EQ(preset_text("meg", "rings", "paper"), "paper of 25gaussians, the nearest to rings that it has");
  EXPECT_EQ(preset_text("meg", "fashion-mnist", "small"), "small of mnist, the nearest to fashion-mnist that it has");
}

// ---- Alarms

/// What a hundred reports with these gaps make Alarms say.
std::string told(Alarms& alarms, const std::function<double(int)>& gap, const char* energy = "E(x')") {
  std::string all;
  for (int i = 0; i < 100; ++i)
    if (const auto line = alarms.see({{energy, 1}, {"gap", gap(i)}})) all += *line;
  return all;
}

TEST(AlarmsOfChains, SpeakOnceOfATrend) {
  const auto swings = [](int i) { return i % 3 - 1.0; };
  const auto falls = [](int) { return -1.0; };
  Alarms alarms;
  EXPECT_EQ(told(alarms, swings), "");
  EXPECT_THAT(told(alarms, falls), testing::StartsWith("E(x) - E(x') stays negative"));
  EXPECT_EQ(told(alarms, falls), "") << "the same again";
  EXPECT_EQ(told(alarms, swings), "");
  EXPECT_THAT(told(alarms, falls), testing::StartsWith("E(x) - E(x') stays negative")) << "anew";
  EXPECT_THAT(told(alarms, [](int i) { return i % 2 - 0.5; }), testing::HasSubstr("at every step"));
}

TEST(AlarmsOfChains, AreForSystemsWithChains) {
  Alarms alarms;
  EXPECT_EQ(told(
                alarms, [](int) { return -1.0; }, "E(G)"),
            "");
}

// ---- TensorBoard

TEST(EventFiles, ChecksumsAreThoseOfTheStandard) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);            // the check value of every catalogue of CRCs
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
}

/// The first record that TensorBoard itself writes, at time zero.
TEST(EventFiles, ARecordIsTensorBoardsByteForByte) {
  const std::string event = std::string("\x09\0\0\0\0\0\0\0\0", 9) +
                            "\x1a\x0d"
                            "brain.Event:2";
  const std::string record = record_of(event);
  ASSERT_EQ(record.size(), 8 + 4 + 24 + 4);
  EXPECT_EQ(record.substr(0, 12), std::string("\x18\0\0\0\0\0\0\0\xa3\x7f\x4b\x22", 12));
}

// ---- What a run takes

/// Nothing is computed in a dry run, and yet it counts what a real one does.
TEST(DryRun, CountsTheWorkOfARealStep) {
  for (const std::string& system : recipe_names())
    for (const std::string data : {"25gaussians", "mnist"}) {
      const bool for_images = system == "jem" || system == "ebgan" || system == "ladder" || system == "ebgan-ln";
      if (for_images && data != "mnist") continue;
      const Settings s = tiny(system, data, 3);
      if (s.nets == "mlp" && sample_shape(data).rank() > 1) continue;  // this system is for the plane alone
      const auto trainer = make_trainer(s, sample_shape(data));
      Noise noise(1, "test");
      const auto next = [&] { return noise.uniform(batch_shape(s), -1, 1); };
      const auto next_labelled = [&] { return Labelled{next(), noise.uniform({s.batch})}; };
      trainer->step(next, next_labelled);
      const double flops = [&] {
        const kernels::CountedFlops counted;
        trainer->step(next, next_labelled);
        return counted.sum();
      }();
      const RunCost cost = cost_of(s);
      EXPECT_EQ(cost.flops_of_step, flops) << system << " on " << data;
      EXPECT_GT(flops, 0);
      int64_t parameters = 0;
      for (const auto& [part, count] : cost.parameters) parameters += count;
      EXPECT_EQ(parameters, count_params(*trainer));
      EXPECT_GT(cost.peak_bytes, cost.state_bytes);
      const int64_t moments = system == "wgan" ? 1 : 2;  // RMSProp's, Adam's
      EXPECT_GE(cost.state_bytes, (1 + moments) * parameters * int64_t(sizeof(real))) << system << " on " << data;
    }
}

/// Paper presets beside what their layers add up to by hand.
TEST(DryRun, PaperPresetsTakeWhatThePapersRunsTake) {
  struct Row {
    const char *system, *data;
    std::vector<std::pair<std::string, int64_t>> parameters;
    double flops;
  };
  const Row rows[] = {
      {"meg", "25gaussians", {{"generator", 527874}, {"energy", 527361}, {"statistics", 528385}}, 18e9},
      {"meg", "stackedmnist", {{"generator", 4572163}, {"energy", 4308609}, {"statistics", 4700929}}, 0.31e12},
      {"meg", "cifar10", {{"generator", 3812355}, {"energy", 2935873}, {"statistics", 4108481}}, 0.91e12},
      {"ebm", "cifar10", {{"ebm", 18591105}}, 44e12},
      // In the table a step is 3.6 TFLOP, of which the generator's 64 samples more are 0.7.
      {"sngan", "cifar10", {{"generator", 4276739}, {"critic", 1053824}}, 2.9e12},
      // 5.95 G multiplications a pass: 20 steps of 64 chains forwards and back, and three batches to learn from.
      {"jem", "cifar10", {{"jem", 36471338}}, 4 * 5.951e9 * 64 * (20 + 4.5)},
      {"ebgan", "mnist", {{"generator", 9114384}, {"critic", 1607440}}, 6.1e9},
      // 1,536,500 weights up and as many down; a clean pass, and three times the noisy ones, to learn from.
      {"ladder", "mnist", {{"net", 3105710}}, 2 * 1536500. * 100 * (1 + 3 * 3)},
  };
  for (const Row& row : rows) {
    const RunCost cost = cost_of(preset(row.system, row.data, "paper"));
    EXPECT_EQ(cost.parameters, row.parameters) << row.system << " on " << row.data;
    EXPECT_NEAR(cost.flops_of_step, row.flops, 0.15 * row.flops) << row.system << " on " << row.data;
  }
}

}  // namespace
}  // namespace erg::tools
