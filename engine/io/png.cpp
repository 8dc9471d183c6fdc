#include "png.h"

#include <png.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "error.h"
#include "file.h"

namespace erg::io {

namespace {

namespace fs = std::filesystem;

constexpr int64_t largest_image = int64_t(1) << 28;  // bytes of pixels; stops a file that expands without end
constexpr int64_t expansion = 1032 * 24;             // of deflate, at most; and of a bit of a palette's image

/// libpng's simplified interface, freed on every way out.
struct PngImage {
  png_image image{};
  PngImage() { image.version = PNG_IMAGE_VERSION; }
  ~PngImage() { png_image_free(&image); }
  PngImage(const PngImage&) = delete;
  PngImage& operator=(const PngImage&) = delete;
};

/// A value's shade of gray, or of one primary colour.
uint8_t shade(real value, const GridOptions& options) {
  const real unit = (value - options.low) / (options.high - options.low);
  return uint8_t(std::lround(255 * std::clamp<real>(unit, 0, 1)));
}

void check_grid(const Tensor& batch, const GridOptions& options) {
  const Shape& shape = batch.shape();
  if (shape.rank() != 4 || shape.size() == 0 || (shape[3] != 1 && shape[3] != 3))
    throw std::invalid_argument("[image_grid] wants [B,H,W,1] or [B,H,W,3], none of them 0, got " + to_string(shape));
  if (options.columns < 0 || options.gap < 0)
    throw std::invalid_argument("[image_grid] columns and gap must not be negative, got " +
                                std::to_string(options.columns) + " and " + std::to_string(options.gap));
  if (!(options.low < options.high))
    throw std::invalid_argument("[image_grid] low must be below high, got " + std::to_string(options.low) + " and " +
                                std::to_string(options.high));
}

}  // namespace

std::string encode_png(const Image& image) {
  const bool sized = image.height > 0 && image.width > 0 && (image.channels == 1 || image.channels == 3);
  if (!sized || int64_t(image.pixels.size()) != int64_t(image.height) * image.width * image.channels)
    throw std::invalid_argument("[write_png] wants height x width x 1 or 3 bytes, got " + std::to_string(image.height) +
                                "x" + std::to_string(image.width) + "x" + std::to_string(image.channels) + " and " +
                                std::to_string(image.pixels.size()) + " bytes");
  PngImage png;
  png.image.width = png_uint_32(image.width);
  png.image.height = png_uint_32(image.height);
  png.image.format = image.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png.image);
  std::string bytes(size, '\0');
  if (!png_image_write_to_memory(&png.image, bytes.data(), &size, 0, image.pixels.data(), 0, nullptr))
    throw std::runtime_error(std::string("[write_png] ") + png.image.message);
  bytes.resize(size);
  return bytes;
}

void write_png(const fs::path& file, const Image& image) { atomic_write(file, encode_png(image)); }

Image parse_png(std::string_view bytes, const fs::path& name) {
  PngImage png;
  const auto fail = [&] { throw DataError(name, std::string("expected a PNG image, got: ") + png.image.message); };
  if (!png_image_begin_read_from_memory(&png.image, bytes.data(), bytes.size())) fail();
  png.image.format = png.image.format & PNG_FORMAT_FLAG_COLOR ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  const int channels = png.image.format == PNG_FORMAT_RGB ? 3 : 1;
  const int64_t size = int64_t(png.image.width) * png.image.height * channels;
  if (const int64_t most = std::min(largest_image, expansion * int64_t(bytes.size())); size > most)
    throw DataError(name, "expected at most " + std::to_string(most) + " bytes of pixels in a file of " +
                              std::to_string(bytes.size()) + ", got " + std::to_string(png.image.width) + "x" +
                              std::to_string(png.image.height) + ": the file is truncated or damaged");
  Image image{int(png.image.height), int(png.image.width), channels, std::vector<uint8_t>(size_t(size))};
  const png_color black{};
  if (!png_image_finish_read(&png.image, &black, image.pixels.data(), 0, nullptr)) fail();
  return image;
}

Image read_png(const fs::path& file) { return parse_png(read_file(file, largest_image), file); }

Image image_grid(const Tensor& batch, const GridOptions& options) {
  check_grid(batch, options);
  const std::vector<real> values = batch.to_host();
  const bool any_nan = std::any_of(values.begin(), values.end(), [](real v) { return std::isnan(v); });
  const int count = int(batch.dim(0)), height = int(batch.dim(1)), width = int(batch.dim(2)), depth = int(batch.dim(3));
  const int square = int(std::ceil(std::sqrt(double(count))));
  const int columns = std::min(count, options.columns > 0 ? options.columns : square);
  const int rows = (count + columns - 1) / columns;

  Image grid{rows * height + (rows - 1) * options.gap,
             columns * width + (columns - 1) * options.gap,
             depth == 3 || any_nan ? 3 : 1,
             {}};
  grid.pixels.resize(size_t(grid.height) * size_t(grid.width) * size_t(grid.channels));
  constexpr uint8_t magenta[3] = {255, 0, 255};
  const real* pixel = values.data();
  for (int i = 0; i < count; ++i)
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x, pixel += depth) {
        const int top = i / columns * (height + options.gap), left = i % columns * (width + options.gap);
        uint8_t* shown =
            &grid.pixels[(size_t(top + y) * size_t(grid.width) + size_t(left + x)) * size_t(grid.channels)];
        const bool nan = std::any_of(pixel, pixel + depth, [](real v) { return std::isnan(v); });
        for (int c = 0; c < grid.channels; ++c) shown[c] = nan ? magenta[c] : shade(pixel[c % depth], options);
      }
  return grid;
}

}  // namespace erg::io
