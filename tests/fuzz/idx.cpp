#include "engine/io/idx.h"

#include "engine/io/gzip.h"
#include "support.h"

namespace erg::fuzz {

namespace {

/// The only file that holds the array uncompressed.
std::string format(const io::IdxArray& array) {
  std::string file;
  const auto append = [&](uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) file += char(value >> shift);
  };
  append(0x800u | uint32_t(array.extents.size()));
  for (const int64_t extent : array.extents) append(uint32_t(extent));
  return file.append(array.bytes.begin(), array.bytes.end());
}

}  // namespace

void idx(std::string_view bytes) {
  for (const int rank : {1, 3}) {
    const auto array = read_or_refuse([&] { return io::parse_idx(bytes, rank, file_name); });
    if (!array) continue;
    const std::string copy = format(*array);
    require(io::is_gzip(bytes) || bytes == copy, "a file of the same content that is another");
    const io::IdxArray again = io::parse_idx(copy, rank, "copy");
    require(again.extents == array->extents && again.bytes == array->bytes, "the array does not come back");
  }
}

}  // namespace erg::fuzz
