// Draws one tile of noise. Part of random.inl and update.inl.

/// 64-bit lanes that hold a 32-bit word each; the upper half may hold anything.
typedef uint64_t Words __attribute__((vector_size(sizeof(Vector))));
constexpr int word_lanes = sizeof(Words) / sizeof(uint64_t);

/// The 64-bit products of words. One x86 instruction, but GCC 12 would make several of the plain expression.
/// A template so that only the branch for this register width is compiled.
template <class W>
ERG_HD W multiply(W a, W b) {
#if defined(__x86_64__)
  if constexpr (sizeof(W) == 64) {
    return W(_mm512_maskz_mul_epu32(0xFF, __m512i(a), __m512i(b)));  // GCC 12 warns of its own unmasked one
  } else if constexpr (sizeof(W) == 32) {
    return W(_mm256_mul_epu32(__m256i(a), __m256i(b)));
  } else {
    return W(_mm_mul_epu32(__m128i(a), __m128i(b)));
  }
#else
  return (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu);
#endif
}

/// One round of philox::generate on `word_lanes` blocks.
ERG_HD void philox_round(Words (&x)[4], Words key0, Words key1) {
  const Words product0 = multiply(x[0], Words{} + philox::multiplier0);
  const Words product1 = multiply(x[2], Words{} + philox::multiplier1);
  x[0] = (product1 >> 32) ^ x[1] ^ key0;
  x[1] = product1;
  x[2] = (product0 >> 32) ^ x[3] ^ key1;
  x[3] = product0;
}

/// The words of the tile that begins at element `first`, a multiple of tile_size: philox::draw of 64 blocks.
/// Even and odd blocks are scrambled side by side, so that two registers of words merge into one without a shuffle.
ERG_HD void draw_words(const NoiseKey& key, int64_t first, TileWords& words) {
  const uint64_t block = uint64_t(first) / 4;
  const Words low = Words{} + (block & 0xFFFFFFFFu), high = Words{} + (block >> 32);  // high is the same for a tile
  const Words step = Words{} + uint64_t(*key.step), stream = Words{} + uint64_t(key.stream);
  Words key0[philox::standard_rounds], key1[philox::standard_rounds], lane;
  for (int round = 0; round < philox::standard_rounds; ++round) {
    key0[round] = Words{} + uint64_t(uint32_t(key.seed) + uint32_t(round) * philox::key_step0);
    key1[round] = Words{} + uint64_t(uint32_t(key.seed >> 32) + uint32_t(round) * philox::key_step1);
  }
  for (int i = 0; i < word_lanes; ++i) lane[i] = uint64_t(i);
  for (int b = 0; b < tile_blocks; b += 2 * word_lanes) {
    Words even[4] = {low + uint64_t(b) + 2 * lane, high, step, stream};
    Words odd[4] = {even[0] + 1, high, step, stream};
    for (int round = 0; round < philox::standard_rounds; ++round) {
      philox_round(even, key0[round], key1[round]);
      philox_round(odd, key0[round], key1[round]);
    }
    for (int j = 0; j < 4; ++j) {
      const Words merged = (even[j] & 0xFFFFFFFFu) | (odd[j] << 32);
      __builtin_memcpy(&words.word[j][b], &merged, sizeof merged);
    }
  }
}

/// z[e] ~ N(0, 1) for the tile's elements.
ERG_HD void draw_normals(const NoiseKey& key, int64_t first, real* z) {
  TileWords words;
  draw_words(key, first, words);
  for (int b = 0; b < tile_blocks; ++b) {
    const philox::NormalPair<real> p = philox::box_muller<real>(words.word[0][b], words.word[1][b]);
    const philox::NormalPair<real> q = philox::box_muller<real>(words.word[2][b], words.word[3][b]);
    z[4 * b] = p.first;
    z[4 * b + 1] = p.second;
    z[4 * b + 2] = q.first;
    z[4 * b + 3] = q.second;
  }
}
