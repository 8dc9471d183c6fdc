// gzip and zip's deflate: decompression in memory (RFC 1952, 1951), strict about what is missing and what is left over;
// and their checksum.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace erg::io {

/// Whether bytes begin with gzip's magic number.
bool is_gzip(std::string_view bytes);

/// The content of a gzip file of one member. Throws DataError when it is truncated or corrupt, is followed by anything,
/// or expands to more than `limit` bytes; `name` stands for the file in messages.
std::string gunzip(std::string_view bytes, int64_t limit, const std::filesystem::path& name);

/// The same of bare deflated data, such as a zip archive's.
std::string inflate(std::string_view bytes, int64_t limit, const std::filesystem::path& name);

/// The CRC-32 of gzip, zip and PNG.
uint32_t crc32(std::string_view bytes);

}  // namespace erg::io
