// Draws noise: draw_normals and draw_each, at the end. Part of every body that uses noise.

/// 64-bit lanes that hold a 32-bit word each; the upper half may hold anything.
typedef uint64_t Words __attribute__((vector_size(sizeof(Vector))));
constexpr int word_lanes = sizeof(Words) / sizeof(uint64_t);

/// Two registers of blocks are scrambled side by side, so that their words merge into one without a shuffle.
constexpr int tile_blocks = 2 * word_lanes;
constexpr int tile_size = 4 * tile_blocks;
static_assert(noise_grain % tile_size == 0);

/// The block of a tile that is scrambled in a lane. With this order the four words of a block come to stand side by
/// side without leaving their quarter (eighth, ...) of a register, which is what shuffles are fast at; see interleave.
constexpr int block_of_lane(int lane) { return lane % 4 * (tile_blocks / 4) + lane / 4; }

/// What all blocks of a draw have in common.
struct Draw {
  Words step, stream;
  Words key0[philox::standard_rounds], key1[philox::standard_rounds];  // of each round
};

ERG_HD Words broadcast_word(uint32_t word) { return Words{} + uint64_t(word); }

ERG_HD Draw draw_of(const NoiseKey& key) {
  Draw draw;
  draw.step = broadcast_word(*key.step);
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

// `tiles` consecutive tiles are drawn by a few loops over all of them, one after the other: of a short formula the
// processor overlaps many iterations, of a long one few, and then it waits for results.

/// word[j][b] is word j of a block: of tile b / tile_blocks the one that block_of_lane(b % tile_blocks) says.
template <int tiles>
struct TileWords {
  alignas(64) uint32_t word[4][tiles * tile_blocks];
};

/// What is made of words; in the same order.
template <int tiles>
struct TileValues {
  alignas(64) real value[4][tiles * tile_blocks];
};

/// philox::draw of the tiles' blocks; `first`, a multiple of tile_size, is the first one's first element.
template <int tiles>
ERG_HD void draw_words(const Draw& draw, int64_t first, TileWords<tiles>& words) {
  constexpr int together = tiles % 2 == 0 ? 4 : 2;  // registers of blocks
  Words block_of[2];
  for (int i = 0; i < word_lanes; ++i)
    for (int odd = 0; odd < 2; ++odd) block_of[odd][i] = uint64_t(block_of_lane(2 * i + odd));
  for (int b = 0; b < tiles * tile_blocks; b += together * word_lanes) {
    Words x[together][4];
#pragma GCC unroll 4
    for (int c = 0; c < together; ++c) {
      const uint64_t block = uint64_t(first) / 4 + uint64_t(b + c / 2 * tile_blocks);
      x[c][0] = broadcast_word(uint32_t(block)) + block_of[c % 2];
      x[c][1] = broadcast_word(uint32_t(block >> 32));  // the same for the whole tile
      x[c][2] = draw.step;
      x[c][3] = draw.stream;
    }
#pragma GCC unroll 10
    for (int round = 0; round < philox::standard_rounds; ++round)
#pragma GCC unroll 4
      for (int c = 0; c < together; ++c) philox_round(x[c], draw.key0[round], draw.key1[round]);
#pragma GCC unroll 2
    for (int c = 0; c < together; c += 2)
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const Words merged = (x[c][j] & 0xFFFFFFFFu) | (x[c + 1][j] << 32);
        __builtin_memcpy(&words.word[j][b + c / 2 * tile_blocks], &merged, sizeof merged);
      }
  }
}

/// Half of each group of four lanes of a and of b, by turns in pieces of `piece` lanes.
template <int half, int piece, size_t... lane>
ERG_HD Vector interleave(Vector a, Vector b, std::index_sequence<lane...>) {
  return __builtin_shufflevector(
      a, b, (lane / 4 * 4 + half * 2 + lane % 4 / (2 * piece) * piece + lane % piece + lane / piece % 2 * lanes)...);
}

/// Stores the values in the order of the draw's elements.
template <int tiles>
ERG_HD void store_values(const TileValues<tiles>& from, real* y) {
  for (int b = 0; b < tiles * tile_blocks; b += tile_blocks, y += tile_size)
    if constexpr (lanes == tile_blocks) {
      constexpr auto all = std::make_index_sequence<lanes>{};
      Vector v[4];
      for (int j = 0; j < 4; ++j) v[j] = *reinterpret_cast<const Vector*>(&from.value[j][b]);
      const Vector low01 = interleave<0, 1>(v[0], v[1], all), high01 = interleave<1, 1>(v[0], v[1], all);
      const Vector low23 = interleave<0, 1>(v[2], v[3], all), high23 = interleave<1, 1>(v[2], v[3], all);
      Unaligned* rows = reinterpret_cast<Unaligned*>(y);
      rows[0] = interleave<0, 2>(low01, low23, all);
      rows[1] = interleave<1, 2>(low01, low23, all);
      rows[2] = interleave<0, 2>(high01, high23, all);
      rows[3] = interleave<1, 2>(high01, high23, all);
    } else {
      for (int lane = 0; lane < tile_blocks; ++lane)
        for (int j = 0; j < 4; ++j) y[4 * block_of_lane(lane) + j] = from.value[j][b + lane];
    }
}

/// z[e] ~ N(0, 1) for the tiles' elements.
template <int tiles>
ERG_HD void draw_normal_tiles(const Draw& draw, int64_t first, real* z) {
  TileWords<tiles> words;
  draw_words(draw, first, words);
  TileValues<tiles> values;
  for (int j = 0; j < 4; j += 2) {
    alignas(64) real log_u[tiles * tile_blocks];
    for (int b = 0; b < tiles * tile_blocks; ++b) log_u[b] = philox::log_unit<real>(words.word[j][b]);
    for (int b = 0; b < tiles * tile_blocks; ++b) {
      const philox::NormalPair<real> pair = philox::normal_pair(log_u[b], words.word[j + 1][b]);
      values.value[j][b] = pair.first;
      values.value[j + 1][b] = pair.second;
    }
  }
  store_values(values, z);
}

/// u[e] = f(word of e) for the tiles' elements.
template <int tiles, class F>
ERG_HD void draw_tiles_of(const Draw& draw, int64_t first, real* u, F f) {
  TileWords<tiles> words;
  draw_words(draw, first, words);
  TileValues<tiles> values;
  for (int j = 0; j < 4; ++j)
    for (int b = 0; b < tiles * tile_blocks; ++b) values.value[j][b] = f(words.word[j][b]);
  store_values(values, u);
}

constexpr int many_tiles = 8;

/// Elements [begin, end) of a draw to y. make(std::integral_constant<int, tiles>, first, y) makes whole tiles; what
/// [begin, end) wants of one that it cuts is copied.
template <class F>
ERG_HD void draw_range(int64_t begin, int64_t end, real* y, F make) {
  int64_t first = begin / tile_size * tile_size;
  while (first < end) {
    if (first >= begin && end - first >= many_tiles * tile_size) {
      make(std::integral_constant<int, many_tiles>(), first, y + (first - begin));
      first += many_tiles * tile_size;
      continue;
    }
    real one[tile_size];
    make(std::integral_constant<int, 1>(), first, one);
    const int64_t last = end - first < tile_size ? end : first + tile_size;
    for (int64_t i = first < begin ? begin : first; i < last; ++i) y[i - begin] = one[i - first];
    first += tile_size;
  }
}

/// N(0, 1) for elements [begin, end) of a draw.
ERG_HD void draw_normals(const Draw& draw, int64_t begin, int64_t end, real* z) {
  draw_range(begin, end, z,
             [&](auto tiles, int64_t first, real* part) { draw_normal_tiles<tiles>(draw, first, part); });
}

/// f(word) for elements [begin, end) of a draw.
template <class F>
ERG_HD void draw_each(const Draw& draw, int64_t begin, int64_t end, real* u, F f) {
  draw_range(begin, end, u, [&](auto tiles, int64_t first, real* part) { draw_tiles_of<tiles>(draw, first, part, f); });
}
