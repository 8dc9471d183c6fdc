// Noise: a source of random tensors whose every draw is a pure function of (seed, stream, step, element).
//
// A stream is named after its use ("init", "latent", ...): two uses never share numbers, and adding one does not shift
// the others. The step advances by one a draw; (seed, stream, step) is all the state there is, so a checkpoint holds
// it.
#pragma once

#include <string_view>
#include <vector>

#include "../kernels/random.h"
#include "tensor.h"
#include "visit.h"

namespace erg {

/// Copies share the step: they take turns in one sequence of draws, and never repeat each other.
class Noise {
 public:
  /// The stream of that name, at step 0.
  Noise(uint64_t seed, std::string_view stream, Device device = cpu_device);
  /// A stream of its own for a part of this one's user, with the same seed; on the same device unless told otherwise.
  Noise fork(std::string_view use) const { return fork(use, device()); }
  Noise fork(std::string_view use, Device device) const;

  /// The same stream at the same step, on a device.
  Noise to(Device device) const;

  /// N(0, 1). A draw for rows [first_row, first_row + B) of a larger batch has the numbers they have there.
  Tensor normal(const Shape& shape, int64_t first_row = 0);
  /// U[low, high).
  Tensor uniform(const Shape& shape, real low = 0, real high = 1, int64_t first_row = 0);
  /// Integers in [0, bound), on the host. bound must be in [1, 2^32]. These two wait for a noise on a GPU.
  std::vector<int64_t> integers(int64_t count, int64_t bound);
  /// A random order of 0 ... count-1, on the host (Fisher-Yates).
  std::vector<int64_t> permutation(int64_t count);

  /// The key of the next draw from element `first` on, for a kernel that makes its own noise; call advance() after its
  /// launch.
  kernels::NoiseKey key(int64_t first = 0) const;
  /// Counts draws that a kernel made by the key.
  void advance(int64_t draws = 1);

  /// The next draw's step. Waits for a noise on a GPU.
  uint32_t step() const;
  /// Goes to another step.
  void set_step(uint32_t step);
  /// Where its draws are made.
  Device device() const { return step_->device(); }
  void visit(Visitor& v);

 private:
  Noise(uint64_t seed, uint32_t stream, Device device);
  /// Word i of the draw at a step.
  uint32_t word(uint32_t step, int64_t i) const;

  uint64_t seed_;
  uint32_t stream_;
  std::shared_ptr<Storage> step_;  // one word, in device memory: a captured graph advances it on each replay
};

}  // namespace erg
