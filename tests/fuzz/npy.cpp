#include "engine/io/npy.h"

#include "support.h"

namespace erg::fuzz {

void npy(std::string_view bytes) {
  const auto array = read_or_refuse([&] { return io::parse_npy(bytes, file_name); });
  if (array) require(same(io::parse_npy(io::format_npy(*array), "copy"), *array), "the array does not come back");
}

}  // namespace erg::fuzz
