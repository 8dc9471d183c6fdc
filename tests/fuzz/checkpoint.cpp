#include "engine/io/checkpoint.h"

#include "engine/nn.h"
#include "engine/optim.h"
#include "support.h"

namespace erg::fuzz {

namespace {

/// A network whose last weights are beside an image, which files hold in another order; its optimiser, with a counter.
struct Training {
  Noise noise{1, "weights"};
  Sequential net{{Conv2d(1, 2, 1, noise), Reshape{{8}}, Linear(8, 1, noise)}};
  Adam adam{params(net), {}};

  void visit(Visitor& v) {
    v.sub("net", net);
    v.sub("adam", adam);
  }
};

}  // namespace

void checkpoint(std::string_view bytes) {
  const auto dict = read_or_refuse([&] { return io::parse_safetensors(bytes, file_name); });
  if (!dict) return;
  Training training;
  const auto parts = entries(training);
  const io::StateDict before = io::state_of(parts);
  const bool taken = read_or_refuse([&] { return io::restore(parts, *dict), true; }).has_value();
  const io::StateDict after = io::state_of(parts);
  require(taken || same(after.tensors, before.tensors), "a refused checkpoint has changed a tensor");
  require(taken || after.metadata == before.metadata, "a refused checkpoint has changed a counter");
  if (!taken) return;
  for (const auto& [name, tensor] : after.tensors)
    require(same(tensor, dict->tensor(name)), "a tensor is not the checkpoint's");
  for (const auto& e : parts)
    require(e.tensor || after.counter(e.name) == dict->counter(e.name), "a counter is not the checkpoint's");
}

}  // namespace erg::fuzz
