// Elements [begin, end) of a draw, the first of them to y[0].

#include "noise_tile.inl"

void normal(const NoiseKey& key, int64_t begin, int64_t end, real* y) { draw_normals(draw_of(key), begin, end, y); }

void uniform(const NoiseKey& key, int64_t begin, int64_t end, real low, real high, real last, real* y) {
  draw_each(draw_of(key), begin, end, y, [&](uint32_t word) { return philox::uniform(word, low, high, last); });
}
