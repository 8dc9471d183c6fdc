#include "image_net.h"

#include "../engine/ops.h"
#include "../engine/tape.h"

namespace erg {

std::optional<BeforeImage> evaluate_before_image(const Energy& energy, const Tensor& x) {
  const NetEnergy* of_net = energy.target<NetEnergy>();
  if (!of_net || of_net->net.layers.empty() || x.rank() != 4) return {};
  const auto* first = std::get_if<Conv2d>(&of_net->net.layers.front());
  if (!first) return {};

  Conv2d conv = *first;  // its weights, shared
  NetEnergy rest{{{of_net->net.layers.begin() + 1, of_net->net.layers.end()}}};
  const Tensor weight = conv.kernel(Mode::eval);
  const auto extent = [](const Tensor& t, int i) { return int(t.dim(i)); };
  const kernels::ConvShape shape{extent(x, 0),      extent(x, 1),      extent(x, 2), extent(x, 3), extent(weight, 3),
                                 extent(weight, 0), extent(weight, 1), conv.stride,  conv.pad};
  Tape tape;  // which watches the convolution's output, and so records what follows it
  const Tensor y = conv.bias ? conv2d_bias(x.detach(), weight.detach(), conv.bias.detach(), conv.stride, conv.pad)
                             : conv2d(x.detach(), weight.detach(), conv.stride, conv.pad);
  tape.watch(y);
  const Tensor e = rest(y);
  return BeforeImage{shape, weight, e.detach(), tape.grad(sum(e), {y})[0]};
}

}  // namespace erg
