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

/// The outputs for the images that next(batch) hands out for `count` samples, on the host; a sample may be several
/// images. Throws std::invalid_argument for values that are not finite, or that no image in [-1,1] has.
Outputs outputs(const Network& network, int64_t count, const std::function<Tensor(int64_t batch)>& next);
/// The outputs for a whole set, in its order.
Outputs outputs(const Network& network, const io::ImageSet& set);

/// A folder whose files are made when first asked for, and read after that.
class Cache {
 public:
  /// `folder`, or where it is empty $XDG_CACHE_HOME/erg, or ~/.cache/erg. Made at the first write. A quiet one does not
  /// say on stderr what it makes.
  explicit Cache(const std::string& folder, bool quiet = false);

  std::filesystem::path file(const std::string& name) const { return folder_ / (name + ".safetensors"); }
  /// The file of that name; if there is none, says that `what` is under way and writes what make() returns, atomically.
  /// Throws io::WriteError where the folder cannot be made (before make() is called) or written, io::DataError for a
  /// broken file.
  io::StateDict get(const std::string& name, const std::string& what, const std::function<io::StateDict()>& make) const;
  bool quiet() const { return quiet_; }

 private:
  std::filesystem::path folder_;
  bool quiet_;
};

/// The outputs for a set, by way of the cache; `set_name` tells sets apart: "cifar10-train".
Outputs cached_outputs(const Cache& cache, const Network& network, const std::string& set_name,
                       const io::ImageSet& set);

/// The digit classifier for MNIST or a set of its format: from `weights`, a safetensors file with the names and layouts
/// of PyTorch's MNIST example, or if that is empty trained on train() once and kept in the cache. It is trained on the
/// CPU, so that it is the same one for every device. Throws io::MissingError or io::DataError for the file.
Network digit_network(const std::string& set_name, const std::string& weights, const Cache& cache, Device device,
                      const std::function<const io::ImageSet&()>& train);

/// "resnet20" or "resnet56" with the weights in a data folder. Throws as read_resnet.
Network resnet_network(const std::string& name, const std::filesystem::path& data_folder, Device device);

}  // namespace erg::tools
