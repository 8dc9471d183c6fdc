#include "cifar.h"

#include <string>

#include "error.h"
#include "file.h"

namespace erg::io {

namespace {
constexpr int side = 32, channels = 3, plane_bytes = side * side, record_bytes = 1 + channels * plane_bytes;
constexpr int64_t largest_batch = int64_t(1) << 28;  // the published ones have 30,730,000 bytes
}  // namespace

void append_cifar10(std::string_view bytes, const std::filesystem::path& name, ImageSet& set) {
  const size_t count = bytes.size() / record_bytes;
  if (count == 0 || bytes.size() % record_bytes != 0)
    throw DataError(name, "expected a multiple of " + std::to_string(record_bytes) + " bytes, got " +
                              std::to_string(bytes.size()) + ": this is not a whole CIFAR-10 batch, fetch it again");
  for (size_t i = 0; i < count; ++i)
    if (const int label = uint8_t(bytes[i * record_bytes]); label > 9)
      throw DataError(name, "expected labels from 0 to 9, got " + std::to_string(label) + " for image " +
                                std::to_string(i) + ": this is not CIFAR-10, or it is damaged");

  set.height = set.width = side;
  set.channels = channels;
  set.count += int64_t(count);
  set.labels.reserve(set.labels.size() + count);
  set.pixels.reserve(set.pixels.size() + count * channels * plane_bytes);
  for (size_t i = 0; i < count; ++i) {
    const std::string_view record = bytes.substr(i * record_bytes, record_bytes);
    set.labels.push_back(uint8_t(record[0]));
    for (int pixel = 0; pixel < plane_bytes; ++pixel)
      for (int channel = 0; channel < channels; ++channel)
        set.pixels.push_back(uint8_t(record[size_t(1 + channel * plane_bytes + pixel)]));
  }
}

void append_cifar10(const std::filesystem::path& file, ImageSet& set) {
  append_cifar10(read_file(file, largest_batch), file, set);
}

}  // namespace erg::io
