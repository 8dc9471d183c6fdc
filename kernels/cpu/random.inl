// Elements [begin, end) of a draw, the first of them to y[0].

#include "noise_tile.inl"

void normal(const NoiseKey& key, int64_t begin, int64_t end, real* y) {
  const Draw draw = draw_of(key);
  draw_range(begin, end, y, [&](int64_t first, real* z) { draw_normals(draw, first, z); });
}

void uniform(const NoiseKey& key, int64_t begin, int64_t end, real low, real high, real last, real* y) {
  const Draw draw = draw_of(key);
  draw_range(begin, end, y, [&](int64_t first, real* u) {
    TileWords words;
    draw_words(draw, first, words);
    for (int b = 0; b < tile_blocks; ++b)
      for (int j = 0; j < 4; ++j) u[4 * b + j] = philox::uniform(words.word[j][b], low, high, last);
  });
}
