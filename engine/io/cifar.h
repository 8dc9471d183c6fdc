// CIFAR-10's binary batches (https://www.cs.toronto.edu/~kriz/cifar.html): records of 3073 bytes, a label from 0 to 9
// and then 32x32 red, 32x32 green and 32x32 blue values.
#pragma once

#include <filesystem>
#include <string_view>

#include "image_set.h"

namespace erg::io {

/// Appends a batch to `set`, which is empty or CIFAR-10 already, with the colours interleaved (NHWC). Throws
/// MissingError when the file cannot be read, DataError when it is not a whole number of records, at least one, or a
/// label is not a digit; `set` is as before then.
void append_cifar10(const std::filesystem::path& file, ImageSet& set);

/// The same for bytes in memory; `name` stands for the file in messages.
void append_cifar10(std::string_view bytes, const std::filesystem::path& name, ImageSet& set);

}  // namespace erg::io
