// Data sets: where they are looked for, what they must be, and the published counts of the real ones.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <optional>

#include "engine/io/cifar.h"
#include "engine/io/datasets.h"
#include "engine/io/error.h"
#include "engine/io/idx.h"
#include "io_support.h"

namespace erg::io {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Idx, ReadsRawAndCompressed) {
  const std::string file = idx_file({1, 2, 3}, "abcdef");
  for (const std::string& bytes : {file, gzip_file(file)}) {
    const IdxArray array = parse_idx(bytes, 3, "f");
    EXPECT_THAT(array.extents, ElementsAre(1, 2, 3));
    EXPECT_THAT(array.bytes, ElementsAre('a', 'b', 'c', 'd', 'e', 'f'));
  }
}

TEST(Idx, ReadsAnEmptySet) { EXPECT_TRUE(parse_idx(idx_file({0}, ""), 1, "f").bytes.empty()); }

/// A record whose pixel p has the values p, p + 1 and p + 2 modulo 256.
std::string cifar_record(int label) {
  std::string record(1, char(label));
  for (int channel = 0; channel < 3; ++channel)
    for (int pixel = 0; pixel < 1024; ++pixel) record += char(pixel + channel);
  return record;
}

TEST(Cifar, InterleavesTheColours) {
  ImageSet set;
  append_cifar10(cifar_record(3) + cifar_record(9), "f", set);
  append_cifar10(cifar_record(0), "f", set);
  EXPECT_EQ(set.count, 3);
  EXPECT_EQ(set.height, 32);
  EXPECT_EQ(set.width, 32);
  EXPECT_EQ(set.channels, 3);
  EXPECT_THAT(set.labels, ElementsAre(3, 9, 0));
  ASSERT_EQ(set.pixels.size(), 3u * 3072);
  for (size_t i = 0; i < set.pixels.size(); ++i) ASSERT_EQ(set.pixels[i], uint8_t(i % 3072 / 3 + i % 3)) << i;
}

TEST(Cifar, LeavesTheSetAloneWhenABatchIsBad) {
  ImageSet set;
  append_cifar10(cifar_record(3), "f", set);
  EXPECT_THROW(append_cifar10(cifar_record(3) + cifar_record(10), "f", set), DataError);
  EXPECT_EQ(set.count, 1);
  EXPECT_EQ(set.labels.size(), 1u);
  EXPECT_EQ(set.pixels.size(), 3072u);
}

/// Puts a split of two images into a folder, raw or compressed.
void put_idx_pair(const fs::path& folder, const std::string& prefix, char first_pixel, bool compressed) {
  fs::create_directories(folder);
  const auto put = [&](const std::string& name, const std::string& bytes) {
    atomic_write(folder / (compressed ? name + ".gz" : name), compressed ? gzip_file(bytes) : bytes);
  };
  put(prefix + "-images-idx3-ubyte",
      idx_file({2, 28, 28}, std::string(1, first_pixel) + std::string(2 * 784 - 1, '\0')));
  put(prefix + "-labels-idx1-ubyte", idx_file({2}, "\1\2"));
}

TEST(Mnist, IsFoundInEachPlace) {
  for (const char* place : {"mnist", "MNIST/raw", "."})
    for (bool compressed : {false, true}) {
      TemporaryFolder folder;
      put_idx_pair(folder / place, "train", 'a', compressed);
      put_idx_pair(folder / place, "t10k", 'b', compressed);
      const ImageSet train = load_mnist(folder.path, Split::train), test = load_mnist(folder.path, Split::test);
      EXPECT_EQ(train.count, 2);
      EXPECT_EQ(train.height, 28);
      EXPECT_EQ(train.width, 28);
      EXPECT_EQ(train.channels, 1);
      EXPECT_EQ(train.pixels.size(), 2u * 784);
      EXPECT_EQ(train.pixels[0], 'a');
      EXPECT_EQ(test.pixels[0], 'b');
      EXPECT_THAT(train.labels, ElementsAre(1, 2));
    }
}

TEST(Mnist, IsNotConfusedWithFashionMnist) {
  TemporaryFolder folder;
  put_idx_pair(folder / "mnist", "train", 'm', true);
  EXPECT_THROW(load_fashion_mnist(folder.path, Split::train), MissingError);
  put_idx_pair(folder / "fashion-mnist", "train", 'f', true);
  EXPECT_EQ(load_mnist(folder.path, Split::train).pixels[0], 'm');
  EXPECT_EQ(load_fashion_mnist(folder.path, Split::train).pixels[0], 'f');
}

TEST(Mnist, SaysWhereItLookedAndHowToGetIt) {
  TemporaryFolder folder;
  EXPECT_THAT(
      message_of<MissingError>([&] { load_mnist(folder.path, Split::train); }),
      AllOf(StartsWith(folder.path.string() + ": "), HasSubstr((folder / "mnist/train-images-idx3-ubyte.gz").string()),
            HasSubstr((folder / "train-images-idx3-ubyte").string() + ","), HasSubstr("tools/fetch_data"),
            HasSubstr("--data-dir"), HasSubstr("$ERG_DATA")));
}

TEST(Mnist, ChecksImagesAndLabels) {
  TemporaryFolder folder;
  put_idx_pair(folder.path, "train", 'a', false);
  const fs::path images = folder / "train-images-idx3-ubyte", labels = folder / "train-labels-idx1-ubyte";
  const auto message = [&] { return message_of<DataError>([&] { load_mnist(folder.path, Split::train); }); };
  atomic_write(labels, idx_file({3}, "\1\2\3"));
  EXPECT_THAT(message(), AllOf(StartsWith(labels.string()), HasSubstr("expected 2 labels"), HasSubstr("got 3")));
  atomic_write(labels, idx_file({2}, "\1\x0a"));
  EXPECT_THAT(message(), AllOf(StartsWith(labels.string()), HasSubstr("got 10")));
  atomic_write(images, idx_file({2, 2, 2}, "abcdefgh"));
  EXPECT_THAT(message(), AllOf(StartsWith(images.string()), HasSubstr("28x28")));
}

TEST(Cifar10, IsFoundInEachPlace) {
  for (const char* place : {"cifar10", "cifar-10-batches-bin", "."})
    for (const char* test_name : {"test_batch.bin", "test_batch_reordered.bin"}) {
      TemporaryFolder folder;
      fs::create_directories(folder / place);
      for (int batch = 1; batch <= 5; ++batch)
        atomic_write(folder / place / ("data_batch_" + std::to_string(batch) + ".bin"), cifar_record(batch));
      atomic_write(folder / place / test_name, cifar_record(7));
      EXPECT_THAT(load_cifar10(folder.path, Split::train).labels, ElementsAre(1, 2, 3, 4, 5));
      EXPECT_THAT(load_cifar10(folder.path, Split::test).labels, ElementsAre(7));
      fs::remove(folder / place / "data_batch_4.bin");
      EXPECT_THAT(message_of<MissingError>([&] { load_cifar10(folder.path, Split::train); }),
                  HasSubstr("data_batch_4.bin"));
    }
}

/// $ERG_DATA is set for as long as this lives.
class DataVariable {
 public:
  explicit DataVariable(const char* value) {
    if (const char* before = std::getenv("ERG_DATA")) before_ = before;
    value ? ::setenv("ERG_DATA", value, 1) : ::unsetenv("ERG_DATA");
  }
  ~DataVariable() { before_ ? ::setenv("ERG_DATA", before_->c_str(), 1) : ::unsetenv("ERG_DATA"); }

 private:
  std::optional<std::string> before_;
};

TEST(DataDir, IsTheFlagThenTheVariableThenTheDefault) {
  TemporaryFolder flag, variable;
  const DataVariable set(variable.path.c_str());
  EXPECT_EQ(find_data_dir(flag.path.string()), flag.path);
  EXPECT_EQ(find_data_dir(), variable.path);
  EXPECT_THAT(message_of<MissingError>([] { find_data_dir("/no/such/folder"); }),
              AllOf(StartsWith("/no/such/folder: "), HasSubstr("from --data-dir"), HasSubstr("tools/fetch_data")));
}

TEST(DataDir, DefaultsToDataHere) {
  TemporaryFolder here;
  const DataVariable unset(nullptr);
  const fs::path before = fs::current_path();
  fs::current_path(here.path);
  EXPECT_THAT(message_of<MissingError>([] { find_data_dir(); }), AllOf(StartsWith("data: "), HasSubstr("neither")));
  fs::create_directory("data");
  EXPECT_EQ(find_data_dir(), "data");
  fs::current_path(before);
}

std::array<int, 10> class_counts(const ImageSet& set) {
  std::array<int, 10> counts{};
  for (int label : set.labels) ++counts[size_t(label)];
  return counts;
}

double mean_pixel(const ImageSet& set, int channel) {
  int64_t sum = 0;
  for (size_t i = size_t(channel); i < set.pixels.size(); i += size_t(set.channels)) sum += set.pixels[i];
  return double(sum) * set.channels / double(set.pixels.size()) / 255;
}

#define NEEDS_DATA(name)                      \
  const char* data = std::getenv("ERG_DATA"); \
  if (!data || !fs::exists(fs::path(data) / name)) GTEST_SKIP() << "SKIPPED: $ERG_DATA does not hold " name

TEST(RealMnist, HasThePublishedCounts) {
  NEEDS_DATA("mnist");
  const ImageSet train = load_mnist(data, Split::train), test = load_mnist(data, Split::test);
  EXPECT_EQ(train.count, 60'000);
  EXPECT_EQ(train.pixels.size(), 60'000u * 784);
  EXPECT_THAT(class_counts(train), ElementsAre(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949));
  EXPECT_NEAR(mean_pixel(train, 0), 0.1307, 5e-5);  // the figure everyone normalises by
  EXPECT_EQ(test.count, 10'000);
  EXPECT_THAT(class_counts(test), ElementsAre(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009));
}

TEST(RealCifar10, HasThePublishedCounts) {
  NEEDS_DATA("cifar10");
  const ImageSet train = load_cifar10(data, Split::train), test = load_cifar10(data, Split::test);
  EXPECT_EQ(train.count, 50'000);
  EXPECT_EQ(train.pixels.size(), 50'000u * 3072);
  EXPECT_THAT(class_counts(train), testing::Each(5000));
  EXPECT_NEAR(mean_pixel(train, 0), 0.4914, 5e-5);  // red, green and blue: the figures everyone normalises by
  EXPECT_NEAR(mean_pixel(train, 1), 0.4822, 5e-5);
  EXPECT_NEAR(mean_pixel(train, 2), 0.4465, 5e-5);
  EXPECT_EQ(test.count, 10'000);
  EXPECT_THAT(class_counts(test), testing::Each(1000));
}

}  // namespace
}  // namespace erg::io
