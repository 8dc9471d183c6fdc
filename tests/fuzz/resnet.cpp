// The index and the numbers of a network that was converted: `name`.index.tsv and `name`.f32.
#include "tools/metrics/resnet.h"

#include "support.h"

namespace erg::fuzz {

/// The numbers are the same 64 always.
void resnet(std::string_view bytes) {
  const auto folder = scratch() / "cifar10-resnet", index = folder / "net.index.tsv";
  std::filesystem::create_directories(folder);
  write_file(folder / "net.f32", std::string(256, '\1'));
  write_file(index, bytes);
  const auto dict = read_or_refuse([&] { return tools::read_resnet(scratch(), "net"); }, index);
  if (!dict) return;
  for (const auto& [name, tensor] : dict->tensors) require(tensor.size() <= 64, "a tensor of more than there is");
}

}  // namespace erg::fuzz
