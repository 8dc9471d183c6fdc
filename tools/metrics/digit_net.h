// The digit classifier that counts StackedMNIST's modes: the small network of PyTorch's MNIST example, which MEG's
// protocol uses too (Kumar et al. 2019, their code), with its names and layouts, so that its state dict can be loaded.
#pragma once

#include "../../engine/io/image_set.h"
#include "../../engine/nn.h"
#include "networks.h"

namespace erg::tools {

/// conv 5x5 (1 -> 10), max-pool, ReLU; conv 5x5 (10 -> 20), max-pool, ReLU; 320 -> 50, ReLU; 50 -> 10. 21,840 numbers.
/// Without the example's dropout, which costs accuracy when training is as short as here.
struct DigitNet {
  Conv2d conv1, conv2;
  Linear fc1, fc2;

  explicit DigitNet(Noise& noise);
  /// Images [B,28,28,1] in [-1,1] -> features [B,50], the last hidden layer, and logits [B,10]. Recorded operations.
  Outputs operator()(const Tensor& images);
  void visit(Visitor& v);
};

struct DigitTraining {
  int64_t epochs = 6, batch = 100;
  double rate = 3e-3;  // Adam's, falling to 0 on a straight line
  uint64_t seed = 1;
};

/// A net trained on images 28x28x1. `progress` is told the number of each step done, of epochs * (count / batch).
DigitNet train_digit_net(const io::ImageSet& images, const DigitTraining& training,
                         const std::function<void(int64_t step)>& progress = {});

}  // namespace erg::tools
