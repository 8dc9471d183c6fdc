// Bodies over consecutive elements.

#include "noise_tile.inl"

void quantise(const ByteRange& range, int64_t n, const real* __restrict x, uint8_t* __restrict q) {
  for (int64_t i = 0; i < n; ++i) q[i] = byte_of(range, x[i]);
}

/// Elements [begin, end) of a draw; q[0] and x[0] are the first of them.
void dequantise(const ByteRange& range, const NoiseKey& key, int64_t begin, int64_t end, const uint8_t* __restrict q,
                real* __restrict x) {
  draw_each(draw_of(key), begin, end, x, [](uint32_t word) { return philox::unit<real>(word); });
  for (int64_t i = 0; i < end - begin; ++i) x[i] = point_of(range, q[i], x[i]);
}

void bin_centres(const ByteRange& range, int64_t n, const uint8_t* __restrict q, real* __restrict x) {
  for (int64_t i = 0; i < n; ++i) x[i] = point_of(range, q[i], real(0.5));
}
