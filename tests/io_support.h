// What the tests of the file formats share.
#pragma once

#include <gmock/gmock.h>
#include <stdlib.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "engine/io/file.h"
#include "engine/tensor.h"

namespace erg::io {

/// RapidCheck draws a new seed each run unless it is told one; RC_PARAMS from outside still wins.
inline const int fixed_seed = ::setenv("RC_PARAMS", "seed=20", 0);

/// A folder that vanishes with its content.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "erg-test-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("cannot create " + pattern);
    path = pattern;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path / name; }
  int64_t files() const {
    return std::distance(std::filesystem::recursive_directory_iterator(path),
                         std::filesystem::recursive_directory_iterator());
  }

  std::filesystem::path path;
};

/// The message of the Error that `f` throws; fails the test when it throws none.
template <class Error, class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const Error& error) { return error.what(); }
  ADD_FAILURE() << "no error of the expected type";
  return {};
}

/// The same shape and, NaNs included, the same values to the bit.
inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::memcmp(a.data(), b.data(), size_t(a.size()) * sizeof(real)) == 0;
}

/// The memory of a number, as it lies in a little-endian file.
template <class T>
std::string bytes_of(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

inline std::string big_endian(uint32_t value) {
  return {char(value >> 24), char(value >> 16), char(value >> 8), char(value)};
}

/// A safetensors file of this header and data.
inline std::string safetensors_file(const std::string& header, const std::string& data) {
  return bytes_of(uint64_t(header.size())) + header + data;
}

/// An npy file, version 1, of this header and data.
inline std::string npy_file(const std::string& header, const std::string& data) {
  return "\x93NUMPY" + std::string("\1\0", 2) + bytes_of(uint16_t(header.size())) + header + data;
}

/// An IDX file of unsigned bytes.
inline std::string idx_file(std::initializer_list<uint32_t> extents, const std::string& data) {
  std::string file = big_endian(0x800u | uint32_t(extents.size()));
  for (uint32_t extent : extents) file += big_endian(extent);
  return file + data;
}

/// A gzip file (RFC 1952) that holds up to 65535 bytes uncompressed, in one stored block.
inline std::string gzip_file(const std::string& content) {
  uint32_t crc = ~0u;
  for (unsigned char c : content) {
    crc ^= c;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  const uint16_t size = uint16_t(content.size());
  return std::string("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10) + '\1' + bytes_of(size) + bytes_of(uint16_t(~size)) + content +
         bytes_of(~crc) + bytes_of(uint32_t(content.size()));
}

}  // namespace erg::io
