#include "engine/io/npz.h"

#include "support.h"

namespace erg::fuzz {

void npz(std::string_view bytes) {
  const auto arrays = read_or_refuse([&] { return io::parse_npz(bytes, file_name); });
  if (!arrays) return;
  const auto copy = scratch() / "copy.npz";
  io::write_npz(copy, *arrays);
  require(same(io::read_npz(copy), *arrays), "the arrays do not come back");
}

}  // namespace erg::fuzz
