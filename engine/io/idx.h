// IDX: arrays of unsigned bytes, the format of MNIST and its relatives (http://yann.lecun.com/exdb/mnist).
//
//   big-endian: u32 magic 0x08NN (08: unsigned bytes, NN: dimensions) | NN x u32 extents | bytes
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace erg::io {

/// An array of bytes.
struct IdxArray {
  std::vector<int64_t> extents;
  std::vector<uint8_t> bytes;  // row-major
};

/// Reads a file, raw or gzip, that must have `rank` dimensions: 3 for images (magic 0x803), 1 for labels (0x801).
/// Throws MissingError when the file cannot be read, DataError when it breaks the format or its size is not exactly
/// what its extents say.
IdxArray read_idx(const std::filesystem::path& file, int rank);

/// The same for bytes in memory, raw or gzip; `name` stands for the file in messages.
IdxArray parse_idx(std::string_view bytes, int rank, const std::filesystem::path& name);

}  // namespace erg::io
