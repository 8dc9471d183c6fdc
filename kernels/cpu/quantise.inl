// Bodies over consecutive elements.

#include "noise_tile.inl"

void quantise(const ByteRange& range, int64_t n, const real* __restrict x, uint8_t* __restrict q) {
  for (int64_t i = 0; i < n; ++i) q[i] = byte_of(range, x[i]);
}

/// Elements [begin, end) of a draw; q[0] and x[0] are the first of them.
void dequantise(const ByteRange& range, const NoiseKey& key, int64_t begin, int64_t end, const uint8_t* __restrict q,
                real* __restrict x) {
  const Draw draw = draw_of(key);
  for (int64_t first = begin / tile_size * tile_size; first < end; first += tile_size) {
    TileWords words;
    draw_words(draw, first, words);
    real u[tile_size];
    for (int b = 0; b < tile_blocks; ++b)
      for (int j = 0; j < 4; ++j) u[4 * b + j] = philox::unit<real>(words.word[j][b]);
    const int64_t from = first < begin ? begin : first, last = end - first < tile_size ? end : first + tile_size;
    for (int64_t i = from; i < last; ++i) x[i - begin] = point_of(range, q[i - begin], u[i - first]);
  }
}

void bin_centres(const ByteRange& range, int64_t n, const uint8_t* __restrict q, real* __restrict x) {
  for (int64_t i = 0; i < n; ++i) x[i] = point_of(range, q[i], real(0.5));
}
