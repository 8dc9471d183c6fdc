// PNG: round trips, and the pictures made of tensors.
#include <gtest/gtest.h>

#include <limits>

#include "engine/io/error.h"
#include "engine/io/png.h"
#include "io_support.h"

namespace erg::io {
namespace {

using testing::ElementsAre;

TEST(Png, RoundTripsGrayAndColour) {
  TemporaryFolder folder;
  for (int channels : {1, 3}) {
    Image image{5, 7, channels, {}};
    for (int i = 0; i < 5 * 7 * channels; ++i) image.pixels.push_back(uint8_t(i * 37));
    write_png(folder / "f.png", image);
    const Image back = read_png(folder / "f.png");
    EXPECT_EQ(back.height, 5);
    EXPECT_EQ(back.width, 7);
    EXPECT_EQ(back.channels, channels);
    EXPECT_EQ(back.pixels, image.pixels);
  }
}

TEST(Png, WritesTheSameBytesEachTime) {
  TemporaryFolder folder;
  const Image image{2, 2, 1, {0, 85, 170, 255}};
  write_png(folder / "a.png", image);
  write_png(folder / "b.png", image);
  EXPECT_EQ(read_file(folder / "a.png"), read_file(folder / "b.png"));
}

TEST(Png, RefusesWrongImages) {
  TemporaryFolder folder;
  for (const Image& image :
       {Image{0, 2, 1, {}}, Image{1, 2, 2, {1, 2, 3, 4}}, Image{1, 2, 1, {1, 2, 3}}, Image{-1, -1, 1, {1}}})
    EXPECT_THROW(write_png(folder / "f.png", image), std::invalid_argument);
  EXPECT_EQ(folder.files(), 0);
}

TEST(Png, RefusesADamagedFile) {
  TemporaryFolder folder;
  write_png(folder / "f.png", {8, 8, 1, std::vector<uint8_t>(64, 100)});
  std::string bytes = read_file(folder / "f.png");
  EXPECT_THROW(parse_png(bytes.substr(0, bytes.size() / 2), "f"), DataError);
  for (size_t i = 16; i < 20; ++i) bytes[i] = '\x7f';  // a width of two thousand million
  EXPECT_THROW(parse_png(bytes, "f"), DataError);
  EXPECT_THROW(read_png(folder / "none.png"), MissingError);
}

Tensor tensor(const Shape& shape, std::vector<real> values) { return Tensor::from_host(shape, values); }

TEST(ImageGrid, ShadesAndClamps) {
  const real infinity = std::numeric_limits<real>::infinity();
  const Image image = image_grid(tensor({1, 1, 7, 1}, {-1, 0, 1, -3, 3, -infinity, infinity}));
  EXPECT_EQ(image.channels, 1);
  EXPECT_THAT(image.pixels, ElementsAre(0, 128, 255, 0, 255, 0, 255));
  GridOptions unit;
  unit.low = 0;
  EXPECT_THAT(image_grid(tensor({1, 1, 3, 1}, {-1, 0.2, 1}), unit).pixels, ElementsAre(0, 51, 255));
}

TEST(ImageGrid, TilesRowByRowWithAGap) {
  const Image image = image_grid(tensor({3, 1, 1, 1}, {1, 1, 1}));  // 2 x 2 tiles, the last one absent
  EXPECT_EQ(image.height, 3);
  EXPECT_EQ(image.width, 3);
  EXPECT_THAT(image.pixels, ElementsAre(255, 0, 255, 0, 0, 0, 255, 0, 0));
  GridOptions row;
  row.columns = 3, row.gap = 2;
  EXPECT_THAT(image_grid(tensor({3, 1, 1, 1}, {1, 1, 1}), row).pixels, ElementsAre(255, 0, 0, 255, 0, 0, 255));
  row.columns = 100, row.gap = 0;
  EXPECT_EQ(image_grid(tensor({3, 2, 2, 1}, std::vector<real>(12, 0)), row).width, 6);
}

TEST(ImageGrid, KeepsColoursApart) {
  const Image image = image_grid(tensor({2, 1, 1, 3}, {1, -1, 0, -1, 1, 1}));
  EXPECT_EQ(image.channels, 3);
  EXPECT_THAT(image.pixels, ElementsAre(255, 0, 128, 0, 0, 0, 0, 255, 255));
}

TEST(ImageGrid, ShowsNanInMagenta) {
  const real nan = std::numeric_limits<real>::quiet_NaN();
  EXPECT_THAT(image_grid(tensor({1, 1, 2, 1}, {1, nan})).pixels, ElementsAre(255, 255, 255, 255, 0, 255));
  EXPECT_THAT(image_grid(tensor({1, 1, 1, 3}, {0, 0, nan})).pixels, ElementsAre(255, 0, 255));
}

TEST(ImageGrid, RefusesOtherShapesAndOptions) {
  for (const Shape& shape : {Shape{4, 4, 1}, Shape{1, 4, 4, 2}, Shape{0, 4, 4, 1}, Shape{1, 4, 0, 3}})
    EXPECT_THROW(image_grid(Tensor::zeros(shape)), std::invalid_argument) << to_string(shape);
  const Tensor one = Tensor::zeros({1, 1, 1, 1});
  EXPECT_THROW(image_grid(one, {.columns = -1}), std::invalid_argument);
  EXPECT_THROW(image_grid(one, {.gap = -1}), std::invalid_argument);
  EXPECT_THROW(image_grid(one, {.low = 1, .high = 1}), std::invalid_argument);
}

}  // namespace
}  // namespace erg::io
