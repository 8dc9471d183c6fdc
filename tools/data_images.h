// Image sets as training sees them.
#pragma once

#include <memory>

#include "../engine/io/image_set.h"
#include "data.h"

namespace erg::tools {

/// Passes over an image set, each in a random order of its own; and likewise over the images whose labels are known.
/// Throws UsageError for labels that do not divide among the classes.
std::unique_ptr<Data> image_data(io::ImageSet set, uint64_t seed, const DataOptions& options);

/// StackedMNIST, [28,28,digits]: each channel of a sample is a digit of its own, so that there are 10^digits modes. The
/// set is 128 * 10^digits stacks of training images, drawn once and for all as Kumar et al. 2019 (MEG) do; minibatches
/// draw from it with replacement. Held-out stacks are drawn afresh, each of independent images.
/// Throws UsageError for labels, which it has not.
std::unique_ptr<Data> stacked_data(io::ImageSet digits_of_mnist, int digits, uint64_t seed, const DataOptions& options);

}  // namespace erg::tools
