// Networks that turn images into features and class logits, for the metrics to compare; and the cache that keeps what
// is costly: a trained classifier, and its outputs on a reference set.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "../../engine/io/image_set.h"
#include "../../engine/io/safetensors.h"
#include "../../engine/tensor.h"

namespace erg::tools {

struct Outputs {
  Tensor features;  // [B,F]
  Tensor logits;    // [B,classes]
};

/// Some images of a set as a network and training see them: [B,H,W,C] in [-1,1].
Tensor pixels(const io::ImageSet& set, std::span<const int64_t> which);

/// A classifier with its weights.
struct Network {
  std::string name;                                    // for the table: "resnet20"
  std::string fingerprint;                             // of its weights, in hexadecimal
  std::function<Outputs(const Tensor& images)> apply;  // on the device of its weights
  Device device = cpu_device;
};

/// The outputs for `count` images that next(batch) hands out, on the host. Throws std::invalid_argument for values that
/// are not finite, or that no image in [-1,1] has.
Outputs outputs(const Network& network, int64_t count, const std::function<Tensor(int64_t batch)>& next);
/// The outputs for a whole set, in its order.
Outputs outputs(const Network& network, const io::ImageSet& set);

/// A folder whose files are made when first asked for, and read after that.
class Cache {
 public:
  /// `folder`, or where it is empty $XDG_CACHE_HOME/erg, or ~/.cache/erg. Made at the first write.
  explicit Cache(const std::string& folder);

  std::filesystem::path file(const std::string& name) const { return folder_ / (name + ".safetensors"); }
  /// The file of that name; make() writes its content first if there is none, atomically. Throws io::WriteError where
  /// the folder cannot be made or written (before make() is called), io::DataError for a broken file.
  io::StateDict get(const std::string& name, const std::function<io::StateDict()>& make) const;

 private:
  std::filesystem::path folder_;
};

/// The outputs for a set, by way of the cache; `set_name` tells sets apart: "cifar10-train".
Outputs cached_outputs(const Cache& cache, const Network& network, const std::string& set_name,
                       const io::ImageSet& set);

/// The digit classifier for MNIST or a set of its format: from `weights`, a safetensors file with the names and layouts
/// of PyTorch's MNIST example, or if that is empty trained on `train` once and kept in the cache. It is trained on the
/// CPU, so that it is the same one for every device. `say` is told when that takes a while.
Network digit_network(const std::string& set_name, const std::string& weights, const Cache& cache, Device device,
                      const std::function<io::ImageSet()>& train, const std::function<void(const std::string&)>& say);

/// "resnet20" or "resnet56" with the weights in a data folder. Throws as read_resnet.
Network resnet_network(const std::string& name, const std::filesystem::path& data_folder, Device device);

}  // namespace erg::tools
