#include "engine/io/safetensors.h"

#include "support.h"

namespace erg::fuzz {

void safetensors(std::string_view bytes) {
  const auto dict = read_or_refuse([&] { return io::parse_safetensors(bytes, file_name); });
  if (!dict) return;
  const auto copy = scratch() / "copy.safetensors";
  io::write_safetensors(copy, *dict);
  const io::StateDict again = io::read_safetensors(copy);
  require(again.metadata == dict->metadata, "the metadata do not come back");
  require(same(again.tensors, dict->tensors), "the tensors do not come back");
}

}  // namespace erg::fuzz
