#include "digit_net.h"

#include <stdexcept>

#include "../../engine/optim.h"
#include "../../engine/tape.h"
#include "../../models/labels.h"

namespace erg::tools {

namespace {

/// The largest of each 2x2 block: [N,H,W,C] -> [N,H/2,W/2,C], for even H and W. Rows first, then columns.
Tensor max_pool(const Tensor& x) {
  const int64_t n = x.dim(0), h = x.dim(1) / 2, w = x.dim(2) / 2, c = x.dim(3);
  const Tensor pairs = reshape(x, {n * h, 2, 2 * w * c});
  const Tensor rows = reshape(maximum(slice(pairs, 1, 0, 1), slice(pairs, 1, 1, 2)), {n * h * w, 2, c});
  return reshape(maximum(slice(rows, 1, 0, 1), slice(rows, 1, 1, 2)), {n, h, w, c});
}

/// [B,28,28,1] -> [B,320], in the order in which PyTorch flattens: channel, row, column.
Tensor convolved(Conv2d& conv1, Conv2d& conv2, const Tensor& images) {
  Tensor x = images * real(0.5) + real(0.5);  // the net was published for pixels in [0,1]
  x = relu(max_pool(conv1(x, Mode::eval)));
  x = relu(max_pool(conv2(x, Mode::eval)));
  return flatten(permute(x, {0, 3, 1, 2}));
}

}  // namespace

DigitNet::DigitNet(Noise& noise)
    : conv1(1, 10, 5, noise), conv2(10, 20, 5, noise), fc1(320, 50, noise), fc2(50, 10, noise) {}

Outputs DigitNet::operator()(const Tensor& images) {
  if (images.rank() != 4 || images.dim(1) != 28 || images.dim(2) != 28 || images.dim(3) != 1)
    throw std::invalid_argument("[digit_net] wants images [B,28,28,1], got " + to_string(images.shape()));
  const Tensor features = relu(fc1(convolved(conv1, conv2, images), Mode::eval));
  return {.features = features, .logits = fc2(features, Mode::eval)};
}

void DigitNet::visit(Visitor& v) {
  v.sub("conv1", conv1);
  v.sub("conv2", conv2);
  v.sub("fc1", fc1);
  v.sub("fc2", fc2);
}

DigitNet train_digit_net(const io::ImageSet& images, const DigitTraining& training,
                         const std::function<void(int64_t step)>& progress) {
  Noise weights(training.seed, "classifier"), order_noise(training.seed, "classifier's data");
  DigitNet net(weights);
  const std::vector<Tensor> trained = params(net);
  Adam adam(trained, {});
  const int64_t steps_per_epoch = images.count / training.batch, steps = training.epochs * steps_per_epoch;
  std::vector<int64_t> order;
  for (int64_t step = 0; step < steps; ++step) {
    const int64_t within = step % steps_per_epoch;
    if (within == 0) order = order_noise.permutation(images.count);
    const auto batch = std::span<const int64_t>(order).subspan(size_t(within * training.batch), size_t(training.batch));
    std::vector<real> classes;
    for (int64_t i : batch) classes.push_back(images.labels[size_t(i)]);

    adam.set_rate(real(training.rate * double(steps - step) / double(steps)));
    Tape tape;
    tape.watch(trained);
    const Tensor y = Tensor::from_host({training.batch}, classes);
    adam.step(tape.grad(cross_entropy(net(pixels(images, batch)).logits, y), trained));
    if (progress) progress(step + 1);
  }
  return net;
}

}  // namespace erg::tools
