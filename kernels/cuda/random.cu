// Noise on the device. A thread scrambles one block of the draw and stores the four numbers made of it with one access:
// memory, not arithmetic, is what bounds it. Numbers are a function of the element alone, so neither the grid nor
// where a launch begins in its draw can change them.
#include "../random.h"

#include <cmath>

#include "noise.cuh"

namespace erg::kernels::cuda {

namespace {

__global__ void __launch_bounds__(walk_threads) normal_kernel(NoiseKey key, Fours fours, real* y) {
  const Draw draw(key);
  for (int64_t i = thread_index(); i < fours.count(); i += thread_count())
    store(y, fours.part(i), draw.normals(first_block(key) + i));
}

/// `last` is the largest number below high.
__global__ void __launch_bounds__(walk_threads)
    uniform_kernel(NoiseKey key, Fours fours, real low, real high, real last, real* y) {
  const Draw draw(key);
  for (int64_t i = thread_index(); i < fours.count(); i += thread_count()) {
    const philox::Block words = draw.words(first_block(key) + i);
    Four<real> four;
    for (int k = 0; k < 4; ++k) four.at[k] = philox::uniform(words.word[k], low, high, last);
    store(y, fours.part(i), four);
  }
}

__global__ void advance_kernel(uint32_t draws, uint32_t* step) { *step += draws; }

}  // namespace

void normal(const Stream& stream, const NoiseKey& key, int64_t n, real* y) {
  const Fours fours = fours_of_draw(key, n, y);
  launch_walk(normal_kernel, fours.count(), stream, key, fours, y);
}

void uniform(const Stream& stream, const NoiseKey& key, int64_t n, real low, real high, real* y) {
  const Fours fours = fours_of_draw(key, n, y);
  launch_walk(uniform_kernel, fours.count(), stream, key, fours, low, high, std::nextafter(high, low), y);
}

void advance_(const Stream& stream, uint32_t draws, uint32_t* step) {
  launch(advance_kernel, 1, 1, 0, stream, draws, step);
}

}  // namespace erg::kernels::cuda
