#include "gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>

#include "error.h"

namespace erg::io {

namespace {

/// zlib's state, freed on every way out.
struct Inflater {
  z_stream stream{};
  explicit Inflater(int window) {
    if (inflateInit2(&stream, window) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
};

// zlib's largest window, and what is around the data.
constexpr int with_gzip_header = 15 + 16, bare = -15;

std::string decompress(int window, std::string_view bytes, int64_t limit, const std::filesystem::path& name) {
  Inflater inflater(window);
  z_stream& stream = inflater.stream;
  std::string content;
  char block[1 << 16];
  int status = Z_OK;
  while (status != Z_STREAM_END) {
    if (stream.avail_in == 0) {  // zlib counts in 32 bits
      const size_t piece = std::min<size_t>(bytes.size(), std::numeric_limits<uInt>::max());
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // only read from
      stream.avail_in = uInt(piece);
      bytes.remove_prefix(piece);
    }
    stream.next_out = reinterpret_cast<Bytef*>(block);
    stream.avail_out = sizeof block;
    status = ::inflate(&stream, Z_NO_FLUSH);
    if (status == Z_BUF_ERROR) throw DataError(name, "the compressed data is truncated: fetch the file again");
    if (status == Z_MEM_ERROR) throw std::bad_alloc();
    if (status != Z_OK && status != Z_STREAM_END)
      throw DataError(name, "the compressed data is corrupt: fetch the file again");
    content.append(block, sizeof block - stream.avail_out);
    if (int64_t(content.size()) > limit)
      throw DataError(name, "expected at most " + std::to_string(limit) + " bytes after decompression, got more");
  }
  if (const size_t left = stream.avail_in + bytes.size(); left > 0)
    throw DataError(name, "expected nothing after the compressed data, got " + std::to_string(left) + " more bytes");
  return content;
}

}  // namespace

bool is_gzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

std::string gunzip(std::string_view bytes, int64_t limit, const std::filesystem::path& name) {
  return decompress(with_gzip_header, bytes, limit, name);
}

std::string inflate(std::string_view bytes, int64_t limit, const std::filesystem::path& name) {
  return decompress(bare, bytes, limit, name);
}

uint32_t crc32(std::string_view bytes) {
  return uint32_t(::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace erg::io
