// PNG pictures: written, read back, and composed from tensors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "../tensor.h"

namespace erg::io {

/// pixels[(y * width + x) * channels + c], 0 to 255; one channel (gray) or three (red, green, blue).
struct Image {
  int height = 0, width = 0, channels = 0;
  std::vector<uint8_t> pixels;
};

/// The bytes of a PNG file. Throws std::invalid_argument for an empty image or one whose channels or number of pixels
/// are wrong.
std::string encode_png(const Image& image);

/// Writes them atomically (file.h). Throws WriteError too.
void write_png(const std::filesystem::path& file, const Image& image);

/// Reads any PNG as 8-bit gray or RGB; transparency is laid on black. Throws MissingError when the file cannot be read,
/// DataError when it is corrupt or has more than 2^28 bytes of pixels.
Image read_png(const std::filesystem::path& file);

/// The same for bytes in memory; `name` stands for the file in messages.
Image parse_png(std::string_view bytes, const std::filesystem::path& name);

/// How image_grid lays out and shades.
struct GridOptions {
  int columns = 0;          // 0: as near to a square as can be
  int gap = 1;              // black pixels between neighbours
  real low = -1, high = 1;  // shown as 0 and 255; values beyond are clamped
};

/// A batch [B,H,W,1] or [B,H,W,3] as one picture, row by row. A pixel with a NaN in any channel is magenta (and the
/// picture RGB), so that a diverged chain shows. Synchronises. Throws std::invalid_argument for another or an empty
/// shape, a negative option, or low >= high.
Image image_grid(const Tensor& batch, const GridOptions& options = {});

}  // namespace erg::io
