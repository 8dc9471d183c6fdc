// What rungs 4 and 5 share: the normals of many blocks at once, by loops that the compiler makes vectors of.
//
// A loop becomes vectors if its iterations are alike: no branches, no calls, no tables. So the mathematics is that of
// kernels/math.h, polynomials and bit work, and each loop does one thing with all blocks of a part: scramble, take
// logarithms, make pairs. Short loops also keep the core busy, which overlaps many iterations of a short formula but
// only few of a long one.
#pragma once

#include "kernels/philox.h"
#include "ladder.h"

namespace erg::ladder {

constexpr int part_blocks = 256, part_size = 4 * part_blocks;  // 4 KiB of words, as much of values

/// N(0, 1) for elements [first, first + part_size) of a draw, `first` being a multiple of four.
inline void draw_part(const NoiseKey& key, int64_t first, real (&z)[part_size]) {
  const uint32_t step = *key.step;
  alignas(64) uint32_t words[4][part_blocks];
  for (int b = 0; b < part_blocks; ++b) {
    const philox::Block block = philox::draw(uint64_t(first / 4 + b), step, key.stream, key.seed);
    for (int j = 0; j < 4; ++j) words[j][b] = block.word[j];
  }
  for (int j = 0; j < 4; j += 2) {
    alignas(64) real log_u[part_blocks], cosines[part_blocks], sines[part_blocks];
    for (int b = 0; b < part_blocks; ++b) log_u[b] = philox::log_unit<real>(words[j][b]);
    for (int b = 0; b < part_blocks; ++b) {
      const auto pair = philox::normal_pair(log_u[b], words[j + 1][b]);
      cosines[b] = pair.first;
      sines[b] = pair.second;
    }
    for (int b = 0; b < part_blocks; ++b) {
      z[4 * b + j] = cosines[b];
      z[4 * b + j + 1] = sines[b];
    }
  }
}

}  // namespace erg::ladder
