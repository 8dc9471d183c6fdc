// Draws over the elements [begin, end), with begin at the start of a tile.

#include "noise_tile.inl"

void normal(const NoiseKey& key, int64_t begin, int64_t end, real* y) {
  for (int64_t first = begin; first < end; first += tile_size) {
    if (end - first >= tile_size) {
      draw_normals(key, first, y + first);
    } else {
      real z[tile_size];
      draw_normals(key, first, z);
      for (int64_t i = first; i < end; ++i) y[i] = z[i - first];
    }
  }
}

void uniform(const NoiseKey& key, int64_t begin, int64_t end, real low, real high, real last, real* y) {
  for (int64_t first = begin; first < end; first += tile_size) {
    TileWords words;
    draw_words(key, first, words);
    real u[tile_size];
    for (int b = 0; b < tile_blocks; ++b)
      for (int j = 0; j < 4; ++j) u[4 * b + j] = philox::uniform(words.word[j][b], low, high, last);
    const int64_t count = end - first < tile_size ? end - first : tile_size;
    for (int64_t i = 0; i < count; ++i) y[first + i] = u[i];
  }
}
