// A labelled set of images, in the bytes they were published in.
#pragma once

#include <cstdint>
#include <vector>

namespace erg::io {

/// pixels[((i * height + y) * width + x) * channels + c] (NHWC, 0 to 255) and labels[i], for i < count.
struct ImageSet {
  int64_t count = 0;
  int height = 0, width = 0, channels = 0;
  std::vector<uint8_t> pixels;
  std::vector<uint8_t> labels;
};

}  // namespace erg::io
