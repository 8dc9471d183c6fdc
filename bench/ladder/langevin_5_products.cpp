// Rung 5: one instruction a product. A word lives alone in a lane of 64 bits. vpmuludq multiplies the lower halves of
// its lanes and ignores the upper ones, so that what xor and shift leave there does no harm, and nothing is shuffled:
// a round of four blocks is 2 multiplications, 2 shifts and 4 exclusive ors.
//
// Even blocks are scrambled in one register, odd ones in another, for their words to merge in order by a shift and an
// or. Two pairs at a time: a round waits five cycles for its products, in which others can begin.
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "noise_vectors.h"

namespace erg::ladder {

namespace {

typedef uint64_t Lanes __attribute__((vector_size(32)));
constexpr uint64_t lower = 0xFFFFFFFFu;

/// The products of the lower halves. GCC 12 would make several instructions of the plain expression.
ERG_HD Lanes multiply(Lanes a, uint32_t b) {
#if defined(__AVX2__)
  return Lanes(_mm256_mul_epu32(__m256i(a), _mm256_set1_epi64x(int64_t(b))));
#else
  return (a & lower) * uint64_t(b);
#endif
}

/// One round of philox::generate on four blocks, x[j] being their words j.
ERG_HD void scramble(Lanes (&x)[4], uint64_t key0, uint64_t key1) {
  const Lanes product0 = multiply(x[0], philox::multiplier0), product1 = multiply(x[2], philox::multiplier1);
  x[0] = (product1 >> 32) ^ x[1] ^ key0;
  x[1] = product1;
  x[2] = (product0 >> 32) ^ x[3] ^ key1;
  x[3] = product0;
}

constexpr int together = 4;  // registers of four blocks: even, odd, even, odd

/// philox::draw of blocks [first, first + 16), to words.word[j][at] and on.
ERG_HD void draw_sixteen(const NoiseKey& key, uint32_t step, uint64_t first, int at, Words& words) {
  Lanes x[together][4];
#pragma GCC unroll 4
  for (int r = 0; r < together; ++r) {
    const uint64_t block = first + uint64_t(r / 2 * 8 + r % 2);
    x[r][0] = block + Lanes{0, 2, 4, 6};
    x[r][1] = Lanes{} + (first >> 32);  // the same for all sixteen
    x[r][2] = Lanes{} + step;
    x[r][3] = Lanes{} + key.stream;
  }
  uint32_t key0 = uint32_t(key.seed), key1 = uint32_t(key.seed >> 32);
  for (int round = 0; round < philox::standard_rounds; ++round) {
#pragma GCC unroll 4
    for (int r = 0; r < together; ++r) scramble(x[r], key0, key1);
    key0 += philox::key_step0;
    key1 += philox::key_step1;
  }
#pragma GCC unroll 2
  for (int r = 0; r < together; r += 2)
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const Lanes merged = (x[r][j] & lower) | (x[r + 1][j] << 32);
      __builtin_memcpy(&words.word[j][at + r / 2 * 8], &merged, sizeof merged);
    }
}

}  // namespace

void langevin_5_products(const Stream&, const LangevinUpdate& s, const NoiseKey& key, int64_t n, const real* g, real*,
                         real* x) {
  step_by_parts(s, n, g, x, [step = *key.step, key](uint64_t first, Words& words) {
    for (int b = 0; b < part_blocks; b += 16) draw_sixteen(key, step, first + uint64_t(b), b, words);
  });
}

}  // namespace erg::ladder
