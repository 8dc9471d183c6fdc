// Noise in tiles of 256 elements, the form in which CPU kernels draw it (noise_tile.inl): whole tiles vectorise, and an
// element's value cannot depend on where a draw ends, because a partial tile is computed in full and cut.
#pragma once

#include "../philox.h"
#include "../random.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace erg::kernels::cpu {

constexpr int tile_blocks = 64;
constexpr int tile_size = 4 * tile_blocks;

/// How many elements one task draws: a whole number of tiles.
constexpr int64_t noise_grain = 32 * tile_size;

/// word[j][b] is word j of the tile's block b.
struct TileWords {
  alignas(64) uint32_t word[4][tile_blocks];
};

}  // namespace erg::kernels::cpu
