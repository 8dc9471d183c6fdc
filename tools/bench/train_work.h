// What `erg bench train` measures: training steps of whole systems as the recipes make them, on random data, and what
// another program needs to take the same steps.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "../../engine/io/safetensors.h"
#include "../progress.h"
#include "../recipes/recipe.h"
#include "law.h"

namespace erg::tools {

/// A system that trains on one batch of random data, again and again.
struct TrainWork {
  std::string name;
  Settings settings;          // as `erg train` would have them
  bool critic_alone = false;  // a step is the critic's alone
  Tensor batch;               // [B,H,W,C], U[-1,1), on the device
  std::shared_ptr<Trainer> trainer;

  /// One training step; its losses are left on the device.
  Metrics step() const;
  /// What peers and files call it: "dcgan-mnist".
  std::string work() const;
};

std::vector<std::string> train_work_names();
/// The work with this name, or all for "". `small` has few and narrow layers and small batches, for slow CPUs and an
/// emulated GPU. Throws DeviceError.
std::vector<TrainWork> make_train_work(const std::string& only, uint64_t seed, Device device, bool small);

/// A system's first steps: where others who start from the same weights with the same noise must arrive.
struct FirstSteps {
  io::StateDict before, after;  // the first one; all but the optimisers' moments, as in checkpoints
  std::vector<Values> losses;   // what each of two steps reports
  double operations;            // multiplications and additions in products and convolutions, of a step

  /// Whether everything is finite and the first loss has changed: "first" and "second" are its values.
  LawCheck check() const;
};
/// Takes two steps, with products in fp32.
FirstSteps take_first_steps(const TrainWork& work);

/// Writes into a folder, which is made if it is not there:
///
///   work.json                 every piece of work: its settings, the losses of its first steps, and its files
///   NAME.batch.npy            the data [B,H,W,C]
///   NAME.latent.npy           the normals that a generator is fed in two steps, draw after draw [draws,B,latent]
///   NAME.mixing.npy           where between data and samples a gradient penalty is taken [draws,B]; of wgan-gp
///   NAME.before.safetensors   weights and statistics before the first step, in PyTorch's layouts
///   NAME.after.safetensors    and after it
///
/// Throws io::WriteError.
void export_train_work(const std::filesystem::path& folder, const std::vector<TrainWork>& works,
                       const std::vector<FirstSteps>& steps, uint64_t seed);

}  // namespace erg::tools
