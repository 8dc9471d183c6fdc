// Noise on the device, four elements at a time: the words of a Philox block, and the four normals made of them (the
// contract is in random.h, the functions in philox.h, which the CPU uses too).
//
// A launch whose first element, key.first, is not a multiple of four begins within a block. It is walked by
// fours_of_draw(key, n, arrays...), whose four number i is block first_block(key) + i of the draw, whole blocks all of
// them; of the first and the last only some elements are the launch's:
//
//   const Fours fours = fours_of_draw(key, n, x);                              // on the host
//   launch_walk(kernel, fours.count(), stream, key, fours, x);
//
//   const Draw draw(key);                                                      // on the device
//   for (int64_t i = thread_index(); i < fours.count(); i += thread_count())
//     store(x, fours.part(i), draw.normals(first_block(key) + i));
#pragma once

#include "../philox.h"
#include "../random.h"
#include "vector.cuh"

namespace erg::kernels::cuda {

/// The block of the draw that holds the launch's element 0.
ERG_HD int64_t first_block(const NoiseKey& key) { return key.first / 4; }

/// The launch's elements as blocks of the draw; the arrays hold one element for each, beginning with the launch's
/// first.
template <class... T>
Fours fours_of_draw(const NoiseKey& key, int64_t n, const T*... arrays) {
  return fours_of(n, int(key.first % 4), arrays...);
}

/// A draw as a thread holds it: the step word is read from memory once.
struct Draw {
  uint64_t seed;
  uint32_t stream, step;

  explicit __device__ Draw(const NoiseKey& key) : Draw(key.seed, key.stream, *key.step) {}
  __device__ Draw(uint64_t seed, uint32_t stream, uint32_t step) : seed(seed), stream(stream), step(step) {}

  /// The words of elements [4 block, 4 block + 4).
  __device__ philox::Block words(int64_t block) const { return philox::draw(uint64_t(block), step, stream, seed); }

  /// N(0, 1) for the same elements.
  __device__ Four<real> normals(int64_t block) const {
    const philox::Block w = words(block);
    const auto low = philox::box_muller<real>(w.word[0], w.word[1]);
    const auto high = philox::box_muller<real>(w.word[2], w.word[3]);
    return {{low.first, low.second, high.first, high.second}};
  }

  /// N(0, 1) for one element, at the cost of the whole block's words.
  __device__ real normal(int64_t element) const {
    const philox::Block w = words(element / 4);
    const bool low = element % 4 < 2;  // chosen, not indexed: an index would move the block to memory
    const auto both = philox::box_muller<real>(low ? w.word[0] : w.word[2], low ? w.word[1] : w.word[3]);
    return element % 2 == 0 ? both.first : both.second;
  }
};

}  // namespace erg::kernels::cuda
