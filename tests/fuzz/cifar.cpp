#include "engine/io/cifar.h"

#include "support.h"

namespace erg::fuzz {

namespace {

constexpr size_t plane = 32 * 32;

/// The only batch that holds these images.
std::string format(const io::ImageSet& set) {
  std::string file;
  for (size_t i = 0; i < size_t(set.count); ++i) {
    file += char(set.labels[i]);
    for (size_t channel = 0; channel < 3; ++channel)
      for (size_t pixel = 0; pixel < plane; ++pixel) file += char(set.pixels[(i * plane + pixel) * 3 + channel]);
  }
  return file;
}

}  // namespace

void cifar(std::string_view bytes) {
  io::ImageSet set;
  const std::string first(1 + 3 * plane, '\7');
  io::append_cifar10(first, "first", set);
  const bool taken = read_or_refuse([&] { return io::append_cifar10(bytes, file_name, set), true; }).has_value();
  require(format(set) == (taken ? first + std::string(bytes) : first), "the images are not those of the files");
}

}  // namespace erg::fuzz
