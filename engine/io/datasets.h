// The image data sets that erg knows, found in a data folder and read in their original formats.
//
//   ImageSet digits = load_mnist(find_data_dir(flag), Split::train);
#pragma once

#include <filesystem>
#include <string>

#include "image_set.h"

namespace erg::io {

/// Which of the images: those to learn from, or those held out.
enum class Split { train, test };

/// The data folder: `flag` (the value of --data-dir) unless it is empty, else $ERG_DATA, else ./data. Throws
/// MissingError when there is no such folder.
std::filesystem::path find_data_dir(const std::string& flag = "");

/// MNIST, 28x28x1: 60,000 training and 10,000 test images. The four files `train-images-idx3-ubyte` and so on, raw or
/// .gz, are looked for in dir/mnist, dir/MNIST/raw and dir. Throws MissingError, with every place looked at and how to
/// get them, and DataError when they are not what they should be.
ImageSet load_mnist(const std::filesystem::path& dir, Split split);

/// Fashion-MNIST, which has MNIST's format and file names, in dir/fashion-mnist, dir/FashionMNIST/raw and dir. Errors
/// as load_mnist's.
ImageSet load_fashion_mnist(const std::filesystem::path& dir, Split split);

/// CIFAR-10, 32x32x3: 50,000 training images from data_batch_1.bin to data_batch_5.bin and 10,000 test images from
/// test_batch.bin or test_batch_reordered.bin, in dir/cifar10, dir/cifar-10-batches-bin and dir. Errors as
/// load_mnist's.
ImageSet load_cifar10(const std::filesystem::path& dir, Split split);

}  // namespace erg::io
