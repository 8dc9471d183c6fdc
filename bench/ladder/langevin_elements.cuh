// What the CUDA rungs share: the normals of a block of four elements, and the step of one.
#pragma once

#include "kernels/cuda/portable.cuh"
#include "kernels/math.h"
#include "kernels/philox.h"
#include "ladder.h"

namespace erg::ladder {

struct alignas(16) Four {
  real at[4];
};

/// N(0, 1) for elements [4 block, 4 block + 4) of a draw.
__device__ __forceinline__ Four normals_at(const NoiseKey& key, int64_t block) {
  const philox::Block words = philox::draw(uint64_t(block), *key.step, key.stream, key.seed);
  const auto low = philox::box_muller<real>(words.word[0], words.word[1]);
  const auto high = philox::box_muller<real>(words.word[2], words.word[3]);
  return {{low.first, low.second, high.first, high.second}};
}

/// N(0, 1) for one element, at the cost of its block's words.
__device__ __forceinline__ real normal_at(const NoiseKey& key, int64_t element) {
  const philox::Block words = philox::draw(uint64_t(element / 4), *key.step, key.stream, key.seed);
  const bool low = element % 4 < 2;  // chosen, not indexed: an index would move the words to memory
  const auto pair = philox::box_muller<real>(low ? words.word[0] : words.word[2], low ? words.word[1] : words.word[3]);
  return element % 2 == 0 ? pair.first : pair.second;
}

ERG_HD real moved(const LangevinUpdate& s, real x, real g, real z) {
  return x - s.drift * math::clamp(g, -s.grad_clip, s.grad_clip) + s.noise * z;
}

}  // namespace erg::ladder
