#include "idx.h"

#include <cstdio>
#include <string>

#include "elements.h"
#include "error.h"
#include "file.h"
#include "gzip.h"

namespace erg::io {

namespace {

namespace fs = std::filesystem;

constexpr int64_t longest = int64_t(1) << 28;  // five times MNIST; stops a compressed file that expands without end

uint32_t take_big_endian(std::string_view& bytes, const fs::path& file) {
  if (bytes.size() < 4) throw DataError(file, "the IDX header is truncated: fetch the file again");
  uint32_t value = 0;
  for (char c : bytes.substr(0, 4)) value = value << 8 | uint8_t(c);
  bytes.remove_prefix(4);
  return value;
}

std::string hexadecimal(uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%x", value);
  return text;
}

}  // namespace

IdxArray parse_idx(std::string_view bytes, int rank, const fs::path& name) {
  std::string expanded;
  if (is_gzip(bytes)) bytes = expanded = gunzip(bytes, longest, name);

  const uint32_t magic = take_big_endian(bytes, name), expected_magic = 0x800u | uint32_t(rank);
  if (magic != expected_magic)
    throw DataError(name, "expected IDX magic " + hexadecimal(expected_magic) + " (unsigned bytes, dimensions: " +
                              std::to_string(rank) + "), got " + hexadecimal(magic) + ": this is another file");
  IdxArray array;
  for (int i = 0; i < rank; ++i) array.extents.push_back(take_big_endian(bytes, name));
  const auto expected = packed_bytes(array.extents, 1);
  if (!expected || *expected != int64_t(bytes.size()))
    throw DataError(name, "expected " + (expected ? std::to_string(*expected) : "more than 2^63") +
                              " bytes after the IDX header, got " + std::to_string(bytes.size()) +
                              ": the file is truncated or has something appended; fetch it again");
  array.bytes.assign(bytes.begin(), bytes.end());
  return array;
}

IdxArray read_idx(const fs::path& file, int rank) { return parse_idx(read_file(file, longest), rank, file); }

}  // namespace erg::io
