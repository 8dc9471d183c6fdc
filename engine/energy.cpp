#include "energy.h"

#include <stdexcept>

#include "ops.h"
#include "tape.h"

namespace erg {

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
