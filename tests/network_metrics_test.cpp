// The networks that metrics compare images by: published weights give published figures, and training learns.
#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "engine/io/checkpoint.h"
#include "engine/io/datasets.h"
#include "engine/io/error.h"
#include "engine/io/file.h"
#include "engine/ops.h"
#include "engine/tape.h"
#include "io_support.h"
#include "tools/metrics/classifier_score.h"
#include "tools/metrics/digit_net.h"
#include "tools/metrics/frechet.h"
#include "tools/metrics/resnet.h"

namespace erg::tools {
namespace {

namespace fs = std::filesystem;

/// The data folder, if the residual networks' weights are in it.
std::optional<fs::path> resnet_folder() {
  const char* data = std::getenv("ERG_DATA");
  if (!data || !fs::exists(fs::path(data) / "cifar10-resnet")) return {};
  return data;
}

#define NEEDS_RESNETS()                                 \
  const std::optional<fs::path> data = resnet_folder(); \
  if (!data) GTEST_SKIP() << "needs CIFAR-10 and its residual networks (cifar10-resnet): set ERG_DATA"

io::ImageSet first_images(io::ImageSet set, int64_t count) {
  set.count = count;
  set.labels.resize(size_t(count));
  return set;
}

/// Of the 16 images of the golden file: logits and features, computed in double elsewhere.
struct Golden {
  std::vector<double> logits, features;
};
Golden read_golden(const fs::path& file) {
  Golden golden;
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("#")) continue;
    std::istringstream fields(line);
    std::string word;
    int part = 0;
    while (fields >> word) {
      if (word == "|")
        ++part;
      else if (part > 0)
        (part == 1 ? golden.logits : golden.features).push_back(std::stod(word));
    }
  }
  return golden;
}

void expect_near(const std::vector<real>& values, const std::vector<double>& expected, double tolerance) {
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i) ASSERT_NEAR(values[i], expected[i], tolerance) << i;
}

class ResNets : public testing::TestWithParam<const char*> {};

TEST_P(ResNets, GiveThePublishedLogitsAndFeatures) {
  NEEDS_RESNETS();
  const io::ImageSet images = first_images(io::load_cifar10(*data, io::Split::test), 16);
  const Outputs found = outputs(resnet_network(GetParam(), *data, cpu_device), images);
  const Golden golden = read_golden(*data / "cifar10-resnet" / (std::string(GetParam()) + ".golden.txt"));
  expect_near(found.logits.to_host(), golden.logits, 2e-3);
  expect_near(found.features.to_host(), golden.features, 2e-4);
}

INSTANTIATE_TEST_SUITE_P(Depths, ResNets, testing::Values("resnet20", "resnet56"),
                         [](const auto& info) { return std::string(info.param); });

TEST(ResNet20, IsRightOnMostOfTheFirstImages) {
  NEEDS_RESNETS();
  const io::ImageSet images = first_images(io::load_cifar10(*data, io::Split::test), 300);
  const double right = accuracy(outputs(resnet_network("resnet20", *data, cpu_device), images).logits, images.labels);
  EXPECT_NEAR(right, 0.9173, 3 * std::sqrt(0.9173 * 0.0827 / 300));
}

/// All 10,000 test images, half a minute of a core: only with ERG_SLOW_TESTS set.
TEST(ResNet20, HasThePublishedErrorOnTheWholeTestSet) {
  NEEDS_RESNETS();
  if (!std::getenv("ERG_SLOW_TESTS")) GTEST_SKIP() << "set ERG_SLOW_TESTS to run all 10,000 images";
  const io::ImageSet images = io::load_cifar10(*data, io::Split::test);
  const Outputs found = outputs(resnet_network("resnet20", *data, cpu_device), images);
  EXPECT_DOUBLE_EQ(accuracy(found.logits, images.labels), 0.9173);
  EXPECT_NEAR(classifier_score(found.logits, 1).mean, 9.2582, 5e-5);

  // Mean and covariance of the features, and the distance of the training set's, as they were computed elsewhere.
  const auto published = [&](const char* set) {
    const std::string bytes =
        io::read_file(*data / "cifar10-resnet" / ("resnet20." + std::string(set) + ".mean_cov.f64"));
    std::vector<double> values(bytes.size() / sizeof(double));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return Moments{{values.begin(), values.begin() + 64}, {values.begin() + 64, values.end()}};
  };
  const Moments of_test = moments(found.features), expected = published("test10k");
  for (size_t i = 0; i < 64; ++i) EXPECT_NEAR(of_test.mean[i], expected.mean[i], 1e-5);
  for (size_t i = 0; i < 64 * 64; ++i) EXPECT_NEAR(of_test.covariance[i], expected.covariance[i], 1e-4);
  EXPECT_NEAR(frechet_distance(published("train50k"), of_test), 0.021401, 1e-4);
}

TEST(ResNet, RefusesWhatItDoesNotKnow) {
  Noise noise(1, "test");
  EXPECT_THROW(ResNet(21, noise), std::invalid_argument);
  EXPECT_THROW(ResNet(8, noise)(Tensor::zeros({1, 3, 32, 32})), std::invalid_argument);
  EXPECT_THROW(resnet_network("resnet50", ".", cpu_device), std::invalid_argument);
  EXPECT_THROW(resnet_network("resnet20", "/nowhere", cpu_device), io::MissingError);
}

TEST(ResNet, ReadsPackedWeightsStrictly) {
  const io::TemporaryFolder folder;
  fs::create_directories(folder / "cifar10-resnet");
  const auto read = [&](const std::string& index) {
    const std::vector<float> numbers{1, 2, 3, 4, 5, 6};
    io::atomic_write(folder / "cifar10-resnet/net.f32", {reinterpret_cast<const char*>(numbers.data()), 24});
    io::atomic_write(folder / "cifar10-resnet/net.index.tsv", "name\tshape\toffset\tcount\n" + index);
    return read_resnet(folder.path, "net");
  };
  const io::StateDict dict = read("a\t2\t0\t2\nb\t2,2\t2\t4\n");
  EXPECT_THAT(dict.tensor("a", {2}).to_host(), testing::ElementsAre(1, 2));
  EXPECT_THAT(dict.tensor("b", {2, 2}).to_host(), testing::ElementsAre(3, 4, 5, 6));
  for (const char* index : {"a\t2\t5\t2\n", "a\t3\t0\t2\n", "a\tx\t0\t2\n", "a\t2\n", "a\t2\t18446744073709551615\t2\n",
                            "a\t-2\t0\t2\n", "a\t1,1,1,1,1\t0\t1\n"})
    EXPECT_THROW(read(index), io::DataError) << index;
}

TEST(ResNet, OptionAShortcutTakesEverySecondPixelAndPadsChannels) {
  Noise noise(1, "test");
  ResidualBlock block(2, 4, noise);
  block.second.norm.gamma = Tensor::zeros({4});  // nothing but the shortcut is left
  const Tensor x = noise.uniform({1, 4, 4, 2});
  const std::vector<real> in = x.to_host(), out = block(x).to_host();
  ASSERT_EQ(out.size(), 2u * 2 * 4);
  for (size_t row = 0; row < 2; ++row)
    for (size_t column = 0; column < 2; ++column)
      for (size_t c = 0; c < 4; ++c)
        EXPECT_EQ(out[(row * 2 + column) * 4 + c], c == 1 || c == 2 ? in[(2 * row * 4 + 2 * column) * 2 + c - 1] : 0);
}

// ---- The digit classifier

TEST(DigitNet, HasThePublishedNamesAndNumbers) {
  Noise noise(1, "test");
  DigitNet net(noise);
  EXPECT_EQ(count_params(net), 21840);
  const io::StateDict dict = io::state_of(entries(net));
  EXPECT_EQ(dict.tensor("conv1.weight").shape(), (Shape{10, 1, 5, 5}));
  EXPECT_EQ(dict.tensor("conv2.weight").shape(), (Shape{20, 10, 5, 5}));
  EXPECT_EQ(dict.tensor("fc1.weight").shape(), (Shape{50, 320}));
  EXPECT_EQ(dict.tensor("fc2.bias").shape(), (Shape{10}));
  EXPECT_THROW(net(Tensor::zeros({1, 32, 32, 1})), std::invalid_argument);
}

TEST(DigitNet, IsTheNetworkOfItsPaperInPlainLoops) {
  Noise noise(2, "test");
  DigitNet net(noise);
  const Tensor image = noise.uniform({1, 28, 28, 1}, -1, 1);
  const io::StateDict dict = io::state_of(entries(net));  // PyTorch's layouts
  const auto values = [&](const char* name) { return dict.tensor(name).to_host(); };
  const auto layer = [](const std::vector<double>& x, size_t in, size_t size, const std::vector<real>& w,
                        const std::vector<real>& b) {  // convolution 5x5, max-pool, ReLU; [channel][row][column]
    const size_t out = b.size(), wide = size - 4, half = wide / 2;
    std::vector<double> y(out * half * half, 0);
    for (size_t o = 0; o < out; ++o)
      for (size_t r = 0; r < wide; ++r)
        for (size_t c = 0; c < wide; ++c) {
          double sum = b[o];
          for (size_t i = 0; i < in; ++i)
            for (size_t k = 0; k < 25; ++k)
              sum += w[(o * in + i) * 25 + k] * x[(i * size + r + k / 5) * size + c + k % 5];
          double& pooled = y[(o * half + r / 2) * half + c / 2];
          pooled = std::max(pooled, sum);
        }
    return y;
  };
  const auto dense = [](const std::vector<double>& x, const std::vector<real>& w, const std::vector<real>& b) {
    std::vector<double> y(b.begin(), b.end());
    for (size_t o = 0; o < y.size(); ++o)
      for (size_t i = 0; i < x.size(); ++i) y[o] += w[o * x.size() + i] * x[i];
    return y;
  };
  std::vector<double> x;
  for (const real p : image.to_host()) x.push_back((p + 1) / 2);
  x = layer(x, 1, 28, values("conv1.weight"), values("conv1.bias"));
  x = layer(x, 10, 12, values("conv2.weight"), values("conv2.bias"));
  x = dense(x, values("fc1.weight"), values("fc1.bias"));
  for (double& v : x) v = std::max(v, 0.0);
  const Outputs found = net(image);
  expect_near(found.features.to_host(), x, 1e-5);
  expect_near(found.logits.to_host(), dense(x, values("fc2.weight"), values("fc2.bias")), 1e-5);
}

TEST(DigitNet, LearnsTheSameBitsFromASeed) {
  if (!std::getenv("ERG_DATA")) GTEST_SKIP() << "needs MNIST: set ERG_DATA";
  const fs::path data = io::find_data_dir();
  const io::ImageSet train = first_images(io::load_mnist(data, io::Split::train), 3000);
  const io::ImageSet test = first_images(io::load_mnist(data, io::Split::test), 1000);
  const auto logits = [&](uint64_t seed) {
    auto net = std::make_shared<DigitNet>(train_digit_net(train, {.epochs = 2, .batch = 50, .seed = seed}));
    return outputs({"", "", [net](const Tensor& x) { return (*net)(x); }}, test).logits;
  };
  const Tensor first = logits(1);
  EXPECT_GT(accuracy(first, test.labels), 0.85) << "3,000 images seen twice";
  EXPECT_EQ(first.to_host(), logits(1).to_host());
  EXPECT_NE(first.to_host(), logits(2).to_host());
}

// ---- The cache

TEST(Cache, MakesOnceAndReadsAfterThat) {
  const io::TemporaryFolder folder;
  const Cache cache((folder / "made/here").string(), true);
  int made = 0;
  const auto make = [&] {
    ++made;
    io::StateDict dict;
    dict.tensors["x"] = Tensor::full({2}, 7);
    return dict;
  };
  for (int i = 0; i < 2; ++i) EXPECT_EQ(cache.get("thing", "making a thing", make).tensor("x").to_host()[1], 7);
  EXPECT_EQ(made, 1);
  io::atomic_write(cache.file("thing"), "garbage");
  EXPECT_THROW(cache.get("thing", "making a thing", make), io::DataError);
  io::atomic_write(folder / "file", "");
  EXPECT_THROW(Cache((folder / "file").string(), true).get("x", "", make), io::WriteError);
  EXPECT_EQ(made, 1) << "what cannot be kept is not made";
}

TEST(Cache, IsWhereTheEnvironmentSays) {
  const char* before = std::getenv("XDG_CACHE_HOME");
  const std::string kept = before ? before : "";
  ::setenv("XDG_CACHE_HOME", "/somewhere", 1);
  EXPECT_EQ(Cache("").file("x"), "/somewhere/erg/x.safetensors");
  EXPECT_EQ(Cache("mine").file("x"), "mine/x.safetensors");
  ::unsetenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  EXPECT_EQ(Cache("").file("x"), (home ? fs::path(home) : "") / fs::path(".cache/erg/x.safetensors"));
  if (before) ::setenv("XDG_CACHE_HOME", kept.c_str(), 1);
}

TEST(Networks, AreToldApartByTheirWeights) {
  const io::TemporaryFolder folder;
  const Cache cache((folder / "cache").string(), true);
  const auto network = [&](uint64_t seed) {
    Noise noise(seed, "test");
    DigitNet net(noise);
    io::save(folder / "net.safetensors", net);
    return digit_network("mnist", (folder / "net.safetensors").string(), cache, cpu_device, {});
  };
  EXPECT_EQ(network(1).fingerprint, network(1).fingerprint);
  EXPECT_NE(network(1).fingerprint, network(2).fingerprint);
  EXPECT_EQ(network(1).fingerprint.size(), 16u);
}

}  // namespace
}  // namespace erg::tools
