// What rungs 3 and 4 share: a tile of sums that fills the registers.
//
// 6 pixels x 2 vectors of channels are 12 sums; with two vectors of weights and one broadcast value they take 15 of the
// 16 registers of AVX2. A term costs 2 loads of weights and 6 broadcasts for 12 multiply-adds, and 12 sums that do not
// wait for each other hide the latency of a multiply-add: 4 cycles, 2 a cycle, so at least 8 must be under way.
#pragma once

#include "ladder.h"

namespace erg::ladder {

#ifdef __AVX2__
constexpr int lanes = 8;
#else
constexpr int lanes = 4;
#endif
constexpr int tile_pixels = 6, tile_vectors = 2, tile_channels = tile_vectors * lanes;

typedef real Vector __attribute__((vector_size(lanes * sizeof(real)), aligned(sizeof(real)), may_alias));
typedef Vector Tile[tile_pixels][tile_vectors];

/// sum[i][channels] += x[i] * w[channels]: the twelve multiply-adds of one term.
ERG_HD void add_term(const real* const (&x)[tile_pixels], int64_t term, const real* w, Tile& sum) {
  const Vector* weights = reinterpret_cast<const Vector*>(w);
  const Vector w0 = weights[0], w1 = weights[1];
#pragma GCC unroll 8
  for (int i = 0; i < tile_pixels; ++i) {
    sum[i][0] += x[i][term] * w0;
    sum[i][1] += x[i][term] * w1;
  }
}

/// The sums as floats. These loops are unrolled to the last like the one above: an index that is not a constant would
/// move the sums to memory.
ERG_HD void store_tile(const Tile& sum, real (&out)[tile_pixels][tile_channels]) {
#pragma GCC unroll 8
  for (int i = 0; i < tile_pixels; ++i) {
    Vector* row = reinterpret_cast<Vector*>(out[i]);
    row[0] = sum[i][0];
    row[1] = sum[i][1];
  }
}

}  // namespace erg::ladder
