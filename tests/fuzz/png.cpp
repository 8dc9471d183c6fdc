#include "engine/io/png.h"

#include "engine/io/gzip.h"
#include "support.h"

namespace erg::fuzz {

namespace {

/// The file with the right checksum behind each chunk: otherwise hardly any of what is made up is looked at.
std::string repaired(std::string_view bytes) {
  std::string file(bytes);
  for (size_t at = 8; at + 12 <= file.size();) {  // length, type, content, checksum
    uint64_t length = 0;
    for (size_t i = 0; i < 4; ++i) length = length << 8 | uint8_t(file[at + i]);
    if (length > file.size() - at - 12) break;
    const uint32_t sum = io::crc32(std::string_view(file).substr(at + 4, 4 + length));
    at += 8 + length;
    for (int shift = 24; shift >= 0; shift -= 8) file[at++] = char(sum >> shift);
  }
  return file;
}

void round_trip(std::string_view bytes) {
  const auto image = read_or_refuse([&] { return io::parse_png(bytes, file_name); });
  if (!image) return;
  const io::Image again = io::parse_png(io::encode_png(*image), "copy");
  require(again.height == image->height && again.width == image->width && again.channels == image->channels &&
              again.pixels == image->pixels,
          "the picture does not come back");
}

}  // namespace

void png(std::string_view bytes) {
  round_trip(bytes);
  round_trip(repaired(bytes));
}

}  // namespace erg::fuzz
