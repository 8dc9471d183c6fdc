// Draws noise, one tile at a time. Part of every body that uses noise.

/// 64-bit lanes that hold a 32-bit word each; the upper half may hold anything.
typedef uint64_t Words __attribute__((vector_size(sizeof(Vector))));
constexpr int word_lanes = sizeof(Words) / sizeof(uint64_t);

/// Two registers of blocks are scrambled side by side, so that their words merge into one without a shuffle.
constexpr int tile_blocks = 2 * word_lanes;
constexpr int tile_size = 4 * tile_blocks;
static_assert(noise_grain % tile_size == 0);

/// word[j][b] is word j of the tile's block b.
struct TileWords {
  alignas(64) uint32_t word[4][tile_blocks];
};

/// What all blocks of a draw have in common.
struct Draw {
  Words step, stream;
  Words key0[philox::standard_rounds], key1[philox::standard_rounds];  // of each round
};

ERG_HD Words broadcast_word(uint32_t word) { return Words{} + uint64_t(word); }

/// The draw `steps_ahead` of the one that the key's step word says.
ERG_HD Draw draw_of(const NoiseKey& key, uint32_t steps_ahead = 0) {
  Draw draw;
  draw.step = broadcast_word(*key.step + steps_ahead);
  draw.stream = broadcast_word(key.stream);
  for (uint32_t round = 0; round < philox::standard_rounds; ++round) {
    draw.key0[round] = broadcast_word(uint32_t(key.seed) + round * philox::key_step0);
    draw.key1[round] = broadcast_word(uint32_t(key.seed >> 32) + round * philox::key_step1);
  }
  return draw;
}

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

/// The words of the tile that begins at element `first`, a multiple of tile_size: philox::draw of its blocks.
ERG_HD void draw_words(const Draw& draw, int64_t first, TileWords& words) {
  const uint64_t block = uint64_t(first) / 4;
  const Words high = broadcast_word(uint32_t(block >> 32));  // the same for the whole tile
  Words lane;
  for (int i = 0; i < word_lanes; ++i) lane[i] = uint64_t(i);
  const Words low = broadcast_word(uint32_t(block)) + 2 * lane;
  Words even[4] = {low, high, draw.step, draw.stream}, odd[4] = {low + 1, high, draw.step, draw.stream};
#pragma GCC unroll 10
  for (int round = 0; round < philox::standard_rounds; ++round) {
    philox_round(even, draw.key0[round], draw.key1[round]);
    philox_round(odd, draw.key0[round], draw.key1[round]);
  }
  for (int j = 0; j < 4; ++j) {
    const Words merged = (even[j] & 0xFFFFFFFFu) | (odd[j] << 32);
    __builtin_memcpy(&words.word[j], &merged, sizeof merged);
  }
}

/// z[e] ~ N(0, 1) for the elements of the tile that begins at element `first` of the draw.
ERG_HD void draw_normals(const Draw& draw, int64_t first, real* z) {
  TileWords words;
  draw_words(draw, first, words);
  for (int b = 0; b < tile_blocks; ++b) {
    const philox::NormalPair<real> p = philox::box_muller<real>(words.word[0][b], words.word[1][b]);
    const philox::NormalPair<real> q = philox::box_muller<real>(words.word[2][b], words.word[3][b]);
    z[4 * b] = p.first;
    z[4 * b + 1] = p.second;
    z[4 * b + 2] = q.first;
    z[4 * b + 3] = q.second;
  }
}

/// Elements [begin, end) of a draw to y, one tile at a time: draw_tile(first, z) makes all of the tile, and what
/// [begin, end) wants of it goes to y.
template <class F>
ERG_HD void draw_range(int64_t begin, int64_t end, real* y, F draw_tile) {
  for (int64_t first = begin / tile_size * tile_size; first < end; first += tile_size) {
    if (first >= begin && end - first >= tile_size) {
      draw_tile(first, y + (first - begin));
    } else {
      real z[tile_size];
      draw_tile(first, z);
      const int64_t last = end - first < tile_size ? end : first + tile_size;
      for (int64_t i = first < begin ? begin : first; i < last; ++i) y[i - begin] = z[i - first];
    }
  }
}
