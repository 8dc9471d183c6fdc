// What `erg sample`, `erg eval` and erg_load read of a run: its newest checkpoint, and the checksums beside it.
#include "engine/io/checkpoint.h"
#include "engine/io/file.h"
#include "runs.h"
#include "tools/data.h"
#include "tools/sampling.h"

namespace erg::fuzz {

namespace {

/// A run with one checkpoint.
struct Run {
  tools::Settings settings = small_run("run");
  std::filesystem::path checkpoint, checksums = std::filesystem::path(settings.out) / "ckpt" / "checksums.json";
  std::string checkpoint_bytes, checksums_bytes;

  Run() {
    const auto trainer = tools::make_trainer(settings, tools::sample_shape(settings.data));
    tools::RunDirectory(settings, 1).save_checkpoint(1, io::state_of(entries(*trainer)));
    checkpoint = tools::checkpoints(settings.out).front();
    checkpoint_bytes = io::read_file(checkpoint);
    checksums_bytes = io::read_file(checksums);
  }
};

}  // namespace

/// The first byte chooses whose bytes the others are: the checksums', or those of a checkpoint without one.
void run(std::string_view bytes) {
  static const Run run;
  if (bytes.empty()) return;
  const bool of_checksums = bytes[0] == 'j';
  bytes.remove_prefix(1);
  write_file(run.checksums, of_checksums ? bytes : "{}");
  write_file(run.checkpoint, of_checksums ? run.checkpoint_bytes : bytes);
  const auto loaded = read_or_refuse([&] { return tools::TrainedRun(run.settings.out, "cpu"); }, run.checkpoint);
  if (!loaded) return;
  const io::StateDict state = io::state_of(entries(*loaded->trainer)), file = io::read_safetensors(run.checkpoint);
  for (const auto& [name, tensor] : state.tensors)
    require(same(tensor, file.tensor(name)), "a tensor is not the checkpoint's");
}

}  // namespace erg::fuzz
