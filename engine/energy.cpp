#include "energy.h"

#include <stdexcept>

#include "ops.h"
#include "tape.h"

namespace erg {

Tensor NetEnergy::operator()(const Tensor& x) {
  const Tensor e = net(x, Mode::eval);
  if (!(e.shape() == Shape{x.dim(0), 1}))
    throw std::invalid_argument("[energy] a network for x " + to_string(x.shape()) + " must end in [" +
                                std::to_string(x.dim(0)) + ",1], got " + to_string(e.shape()));
  return reshape(e, {x.dim(0)});
}

EnergyAndGradient energy_and_gradient(const Energy& energy, const Tensor& x) {
  Tape tape;
  const Tensor leaf = x.detach();
  tape.watch(leaf);
  const Tensor e = energy(leaf);
  if (!(e.shape() == Shape{x.dim(0)}))
    throw std::invalid_argument("[energy] for x " + to_string(x.shape()) + " wants one number a sample, got " +
                                to_string(e.shape()));
  // Samples do not see each other, so the gradient of the sum is each one's own gradient.
  Tensor gradient = tape.grad(sum(e), {leaf})[0];
  return {e.detach(), gradient};
}

}  // namespace erg
