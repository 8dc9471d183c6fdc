#include "datasets.h"

#include <cstdlib>
#include <system_error>
#include <utility>
#include <vector>

#include "cifar.h"
#include "error.h"
#include "idx.h"

namespace erg::io {

namespace {

namespace fs = std::filesystem;

constexpr const char* how_to_get = "run tools/fetch_data, or give the data folder with --data-dir or $ERG_DATA";

/// A data set's name and the folders, below the data folder, that may hold it ("" is the data folder itself).
struct Place {
  std::string name;
  std::vector<std::string> folders;
};

/// The first of these file names, in the first of the folders, that exists.
fs::path find(const fs::path& dir, const Place& place, const std::vector<std::string>& names) {
  std::string looked_at;
  for (const std::string& folder : place.folders)
    for (const std::string& name : names) {
      const fs::path file = folder.empty() ? dir / name : dir / folder / name;
      std::error_code error;
      if (fs::is_regular_file(file, error)) return file;
      looked_at += (looked_at.empty() ? "" : ", ") + file.string();
    }
  throw MissingError(dir,
                     "expected " + place.name + "'s " + names[0] + ", got nothing at " + looked_at + "; " + how_to_get);
}

ImageSet load_idx_pair(const fs::path& dir, const Place& place, Split split) {
  const std::string prefix = split == Split::train ? "train" : "t10k";
  const std::string images_name = prefix + "-images-idx3-ubyte", labels_name = prefix + "-labels-idx1-ubyte";
  const fs::path images_file = find(dir, place, {images_name, images_name + ".gz"});
  const fs::path labels_file = find(dir, place, {labels_name, labels_name + ".gz"});
  IdxArray images = read_idx(images_file, 3), labels = read_idx(labels_file, 1);

  const int64_t count = images.extents[0], height = images.extents[1], width = images.extents[2];
  if (height != 28 || width != 28)
    throw DataError(images_file, "expected images of 28x28, got " + std::to_string(height) + "x" +
                                     std::to_string(width) + ": this is not " + place.name);
  if (labels.extents[0] != count)
    throw DataError(labels_file, "expected " + std::to_string(count) + " labels, as many as there are images in " +
                                     images_file.string() + ", got " + std::to_string(labels.extents[0]));
  for (int label : labels.bytes)
    if (label > 9) throw DataError(labels_file, "expected labels from 0 to 9, got " + std::to_string(label));
  return {count, 28, 28, 1, std::move(images.bytes), std::move(labels.bytes)};
}

}  // namespace

fs::path find_data_dir(const std::string& flag) {
  const char* variable = std::getenv("ERG_DATA");
  fs::path dir = "data";
  std::string origin = "the default, as neither --data-dir nor $ERG_DATA is set";
  if (!flag.empty()) {
    dir = flag, origin = "from --data-dir";
  } else if (variable && *variable) {
    dir = variable, origin = "from $ERG_DATA";
  }
  std::error_code error;
  if (!fs::is_directory(dir, error))
    throw MissingError(dir, "expected the data folder (" + origin + "), got no such folder; " + how_to_get);
  return dir;
}

ImageSet load_mnist(const fs::path& dir, Split split) {
  return load_idx_pair(dir, {"MNIST", {"mnist", "MNIST/raw", ""}}, split);
}

ImageSet load_fashion_mnist(const fs::path& dir, Split split) {
  return load_idx_pair(dir, {"Fashion-MNIST", {"fashion-mnist", "FashionMNIST/raw", ""}}, split);
}

ImageSet load_cifar10(const fs::path& dir, Split split) {
  const Place place{"CIFAR-10", {"cifar10", "cifar-10-batches-bin", ""}};
  ImageSet set;
  if (split == Split::test) {
    append_cifar10(find(dir, place, {"test_batch.bin", "test_batch_reordered.bin"}), set);
  } else {
    for (int batch = 1; batch <= 5; ++batch)
      append_cifar10(find(dir, place, {"data_batch_" + std::to_string(batch) + ".bin"}), set);
  }
  return set;
}

}  // namespace erg::io
