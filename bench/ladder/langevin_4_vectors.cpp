// Rung 4: vectors. 256 blocks are scrambled, turned into normals and used, each by a short loop without branches, eight
// lanes at a time (noise_vectors.h).
//
// The compiler's vectors of Philox are poor: AVX2 multiplies the even 32-bit lanes of two registers to products of 64
// bits, four at a time. With words in all eight lanes ten rounds take 40 multiplications, and g++ 12 puts some 230
// shuffles around them.
#include "noise_vectors.h"

namespace erg::ladder {

void langevin_4_vectors(const Stream&, const LangevinUpdate& s, const NoiseKey& key, int64_t n, const real* g, real*,
                        real* x) {
  step_by_parts(s, n, g, x, [step = *key.step, key](uint64_t first, Words& words) {
    for (int b = 0; b < part_blocks; ++b) {
      const philox::Block block = philox::draw(first + uint64_t(b), step, key.stream, key.seed);
      for (int j = 0; j < 4; ++j) words.word[j][b] = block.word[j];
    }
  });
}

}  // namespace erg::ladder
