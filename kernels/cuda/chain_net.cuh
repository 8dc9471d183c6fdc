// A network as the chain kernel sees it, and where its parts lie in a block's shared memory:
//
//   [ a panel of weights that pass through ] [ weights that stay ] [ tile ] [ tile ] ...
//
// A tile is some chains and the warps that run them; each warp owns some of these chains. What a tile holds is listed
// in Tile; weights and tiles compete for room, and plan.resident says whether all the weights won.
#pragma once

#include <algorithm>
#include <string>

#include "../chain.h"
#include "portable.cuh"

namespace erg::kernels::cuda {

ERG_HD int round_up_to_four(int n) { return (n + 3) / 4 * 4; }

/// How a product of `terms` terms for each of `units` units is computed (chain_product.cuh).
enum class Way { thin, narrow, wide };
ERG_HD Way way_of(int terms, int units) {
  constexpr int thin_terms = 4, narrow_units = 8;
  return terms <= thin_terms ? Way::thin : units <= narrow_units ? Way::narrow : Way::wide;
}

struct ChainLayer {
  static constexpr int passes = -1;

  int in, out;
  const real *weight, *bias;  // as in DenseLayer
  DenseLayer::Unit unit;
  real slope;
  int weights;  // where its weights are in shared memory, or `passes`
  int slopes;   // where in a tile its units' derivatives are

  /// Whether a product with its weights is wide, so that they are needed in shared memory.
  ERG_HD bool is_wide() const { return way_of(in, out) == Way::wide || way_of(out, in) == Way::wide; }
};

/// Rows of weights in shared memory are an odd number of fours apart: then the same four columns of eight consecutive
/// rows lie in different banks, as neighbouring columns of a row do anyway.
ERG_HD int weight_stride(int columns) { return 4 * ((columns + 3) / 4 | 1); }

/// Units of a product whose weights are together in shared memory: of a layer that stays there, and of one that passes.
inline constexpr int resident_panel = 128, passing_panel = 64;

/// Reals that all weights of a layer take, and the larger of the panels in which they pass.
inline int weights_size(const ChainLayer& l) { return round_up_to_four(l.in) * weight_stride(l.out); }
inline int panel_size(const ChainLayer& l) {
  return std::max(round_up_to_four(l.in) * weight_stride(std::min(l.out, passing_panel)),
                  round_up_to_four(std::min(l.in, passing_panel)) * weight_stride(l.out));
}

/// A network among a kernel's parameters.
struct ChainNet {
  static constexpr int max_layers = 96;

  int layers = 0, widest = 0;
  ChainLayer layer[max_layers];

  explicit ChainNet(const DenseNet& net) : layers(net.layers) {
    if (layers > max_layers)
      throw Error("[dense_chain_] a network of " + std::to_string(layers) + " layers; at most " +
                  std::to_string(max_layers) + " fit the kernel's parameters");
    for (int l = 0; l < layers; ++l) {
      const DenseLayer& from = net.layer[l];
      layer[l] = {from.in, from.out, from.weight, from.bias, from.unit, from.slope, ChainLayer::passes, 0};
      widest = std::max({widest, from.in, from.out});
    }
  }
};

/// `warps` warps run owned * warps chains. Where a tile has several, they share the terms of a wide product.
///
/// A tile's buffers hold one value for each unit of a layer and each chain, and all of them in the same way, so that a
/// value's place is an index in any: four units of a chain side by side, the next chain's after them. Thus four terms
/// of a product are one access, and those of the next chain a constant away.
template <int owned_by_warp, int tile_warps, int most_tiles>
struct Tile {
  static constexpr int owned = owned_by_warp, warps = tile_warps, chains = owned * warps;
  static constexpr int max_tiles = most_tiles;  // of a block
  /// From four units to the next four: an odd number of fours, so that consecutive units lie in different banks.
  static constexpr int chunk = 4 * (chains + 1);
  static constexpr int warp_of_units = warp_size / 4 * chunk;  // from a unit to the one 32 further

  ERG_HD static int place(int chain, int unit) { return unit / 4 * chunk + 4 * chain + unit % 4; }
  ERG_HD static int buffer_size(int units) { return round_up_to_four(units) / 4 * chunk; }

  // What a tile holds, in this order: the values that a product multiplies and the sums it makes (of each warp's
  // terms), positions and gradients [chains, dimensions], and the derivatives of each layer's units.
  ERG_HD static int values_size(const ChainNet& net) { return buffer_size(net.widest); }
  ERG_HD static int positions_size(const ChainNet& net) { return round_up_to_four(chains * net.layer[0].in); }
  static int slopes_begin(const ChainNet& net) { return (1 + warps) * values_size(net) + 2 * positions_size(net); }
};

/// What a block of `tiles` tiles looks like.
struct ChainPlan {
  int tiles = 0;
  int first_tile = 0, tile_size = 0;  // reals
  bool fits = false, resident = true;

  size_t bytes() const { return sizeof(real) * (size_t(first_tile) + size_t(tiles) * size_t(tile_size)); }
};

/// Gives the tiles what they need and fills what is left of `capacity` reals with weights, layer by layer.
template <class Tile>
ChainPlan plan_block(ChainNet& net, int tiles, int64_t capacity) {
  ChainPlan plan{.tiles = tiles, .tile_size = Tile::slopes_begin(net)};
  int64_t all_weights = 0;
  int panel = 0;
  for (int l = 0; l < net.layers; ++l) {
    ChainLayer& layer = net.layer[l];
    layer.slopes = plan.tile_size;
    if (l + 1 < net.layers) plan.tile_size += Tile::buffer_size(layer.out);
    if (!layer.is_wide()) continue;
    all_weights += weights_size(layer);
    panel = std::max(panel, panel_size(layer));
  }
  int64_t room = capacity - int64_t(tiles) * plan.tile_size;
  plan.resident = all_weights <= room;
  if (!plan.resident) plan.first_tile = panel, room -= panel;
  plan.fits = room >= 0;
  for (int l = 0; l < net.layers; ++l) {
    ChainLayer& layer = net.layer[l];
    const int size = weights_size(layer);
    layer.weights = layer.is_wide() && size <= room ? plan.first_tile : ChainLayer::passes;
    if (layer.weights == ChainLayer::passes) continue;
    plan.first_tile += size;
    room -= size;
  }
  return plan;
}

}  // namespace erg::kernels::cuda
