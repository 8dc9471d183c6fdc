// How a matrix product is cut: the shape of the tiles, and how many blocks share one.
//
// Panels come from the L2 cache, and that is what limits all but the largest tiles: a tile of m x n reads m + n words
// for m n multiplications. Large tiles read least; small tiles, and tiles that several blocks share, leave no
// multiprocessor idle. The plan is the one for which a simple count of clock cycles is least.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "runtime.h"

namespace erg::kernels::cuda {

inline constexpr int k_tile = 16;  // how far along k a block goes at a time

/// A product's shape: C is `parts` times m x n, or somewhat less, and has `size` elements in all.
struct Extents {
  int64_t m, n, k, parts, size;
};

enum class TileKind { fp32_128x64, tf32_64x64, tf32_128x64, tf32_128x128 };

struct Plan {
  TileKind tile;
  int splits;         // blocks that share a tile, each with a stretch of k
  int64_t workspace;  // reals: their sums, where they are several
  int64_t tile_rows;  // how many tiles there are in a column of C, all parts together
};

namespace planning {

// Figures of an H200. They are constants, and not asked of the device, for a product to have the same bits anywhere.
inline constexpr int64_t processors = 132;
inline constexpr double l2_bytes = 28;              // per cycle and multiprocessor
inline constexpr double fp32_multiplications = 90;  // the same, as reached
inline constexpr double second_launch = 2500;       // cycles
inline constexpr double alone = 1.25;        // how much longer a block takes with none beside it to work while it waits
inline constexpr int64_t least_tiles_k = 8;  // in a stretch: some are lost on filling the pipeline

struct TileCost {
  TileKind kind;
  int m, n;
  double cycles;  // per tile of k
};
constexpr TileCost tf32_tile(TileKind kind, int m, int n) {
  return {kind, m, n, (m + n) * k_tile * sizeof(real) / l2_bytes};
}
inline constexpr TileCost tf32_tiles[] = {tf32_tile(TileKind::tf32_128x128, 128, 128),
                                          tf32_tile(TileKind::tf32_128x64, 128, 64),
                                          tf32_tile(TileKind::tf32_64x64, 64, 64)};
inline constexpr TileCost fp32_tiles[] = {{TileKind::fp32_128x64, 128, 64, 128 * 64 * k_tile / fp32_multiplications}};

constexpr int64_t pieces(int64_t n, int64_t of) { return (n + of - 1) / of; }

inline double cycles(const Extents& e, const TileCost& tile, int64_t blocks, int64_t splits) {
  const int64_t rounds = pieces(blocks * splits, processors);
  const double stretch = double(pieces(pieces(e.k, k_tile), splits));
  const double bytes_of_sums = splits > 1 ? 2.0 * double(splits * e.size) * sizeof(real) : 0;
  return (rounds == 1 ? alone : double(rounds)) * stretch * tile.cycles + bytes_of_sums / (processors * l2_bytes) +
         (splits > 1 ? second_launch : 0);
}

}  // namespace planning

inline Plan plan_for(const Extents& e) {
  using namespace planning;
  const bool exact = precision() == Precision::fp32;
  const std::span<const TileCost> tiles = exact ? std::span<const TileCost>(fp32_tiles) : tf32_tiles;
  const int64_t most_splits = std::max<int64_t>(1, pieces(e.k, k_tile) / least_tiles_k);
  Plan best{};
  double least = -1;
  for (const TileCost& tile : tiles) {
    const int64_t tile_rows = e.parts * pieces(e.m, tile.m);
    const int64_t blocks = std::max<int64_t>(1, tile_rows * pieces(e.n, tile.n));
    for (const int64_t filled : {int64_t(0), processors, 2 * processors}) {
      const int64_t splits = std::clamp<int64_t>(filled / blocks, 1, most_splits);
      const double cost = cycles(e, tile, blocks, splits);
      if (least >= 0 && cost >= least) continue;
      least = cost;
      best = {tile.kind, int(splits), splits > 1 ? splits * e.size : 0, tile_rows};
    }
  }
  return best;
}

}  // namespace erg::kernels::cuda
