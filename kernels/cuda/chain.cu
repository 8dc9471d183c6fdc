// Langevin chains on a small network's energy on the device: one launch for all steps of all chains.
//
// A block keeps its chains from the first step to the last, and weights in shared memory, read once for all steps. Each
// chain is owned by a warp, which alone does everything for it: units, energy, noise, the step. Only in wide products,
// where the arithmetic is, the warps of a tile work for each other (chain_product.cuh); there they wait for one
// another, twice a product. With many chains a tile is one warp, and nobody waits at all.
//
// Sums have the same order in every tile (chain_product.cuh), and whatever else a chain's bits depend on is its own: so
// they depend neither on the other chains nor on how many there are. Arithmetic is fp32 throughout.
#include "../chain.h"

#include "chain_product.cuh"
#include "chain_units.cuh"
#include "langevin.cuh"
#include "noise.cuh"

namespace erg::kernels::cuda {

namespace {

struct ChainLaunch {
  ChainNet net;
  ChainPlan plan;
  LangevinStep step;
  NoiseKey key;
  int64_t chains;
  int steps;
  real *energies, *x;
};
static_assert(sizeof(ChainLaunch) <= 4096);  // what a kernel's parameters may take

// ---- Noise

/// The noise of a warp's coordinates, n of the draw's elements from `first` on, step by step. A few coordinates would
/// keep few lanes busy, and the others waiting, with a long computation; then the lanes draw for several steps at once,
/// and keep what they have drawn until its step comes.
class StepNoise {
 public:
  __device__ StepNoise(const NoiseKey& key, int64_t first, int n, int lane)
      : key_(key),
        first_(first),
        n_(n),
        lane_(lane),
        step_(*key.step),
        together_(n > 0 && fours() <= warp_size ? warp_size / fours() : 0),
        turn_(together_ > 0 ? lane / fours() : 0) {}

  /// Calls move(element, z) for all coordinates, by the lanes that hold their noise. To be called for each step in
  /// turn.
  template <class Move>
  __device__ void for_each(bool with_noise, const Move& move) {
    if (together_ > 0) {
      const int four = lane_ - turn_ * fours();
      if (with_noise && at_ == 0) drawn_ = normals(turn_, four);
      if (at_ == turn_) move_four(four, drawn_, move);
      at_ = at_ + 1 < together_ ? at_ + 1 : 0;
    } else {
      for (int i = lane_; i < fours(); i += warp_size) move_four(i, with_noise ? normals(0, i) : Four<real>{}, move);
    }
    ++step_;
  }

 private:
  // Said again wherever it is wanted, rather than kept: registers are what the products live on.
  __device__ int lead() const { return int(first_ % 4); }  // the first coordinate's place in its block of the draw
  __device__ int fours() const { return n_ == 0 ? 0 : (lead() + n_ + 3) / 4; }

  __device__ Four<real> normals(int steps_ahead, int i) const {
    return Draw(key_.seed, key_.stream, step_ + uint32_t(steps_ahead)).normals(first_ / 4 + i);
  }
  template <class Move>
  __device__ void move_four(int i, const Four<real>& z, const Move& move) const {
    for (int k = 0; k < 4; ++k) {
      const int element = 4 * i - lead() + k;
      if (0 <= element && element < n_) move(element, z.at[k]);
    }
  }

  const NoiseKey& key_;
  int64_t first_;
  int n_, lane_;
  uint32_t step_;  // at hand
  int together_;   // steps that are drawn together; 0 if even one is too much
  int turn_;       // which of these the lane draws for
  int at_ = 0;     // which of these is at hand
  Four<real> drawn_{};
};

// ---- A warp's chains

template <class Tile>
class WarpChains {
 public:
  __device__ WarpChains(const ChainLaunch& launch, real* shared)
      : launch_(launch),
        net_(launch.net),
        lane_(int(threadIdx.x) % warp_size),
        warp_(int(threadIdx.x) / warp_size),
        first_((int64_t(blockIdx.x) * blockDim.y + threadIdx.y) * Tile::chains + warp_ * Tile::owned),
        shared_(shared),
        values_(shared + launch.plan.first_tile + int(threadIdx.y) * launch.plan.tile_size),
        sums_(values_ + Tile::values_size(net_)),
        positions_(sums_ + Tile::warps * Tile::values_size(net_) + warp_ * Tile::owned * dimensions()),
        gradients_(positions_ + Tile::positions_size(net_)) {}

  /// All steps.
  __device__ void run() {
    const int own = count() * dimensions(), all = Tile::owned * dimensions();
    real* const x = launch_.x + first_ * dimensions();
    for (int i = lane_; i < all; i += warp_size) positions_[i] = i < own ? x[i] : real(0);
    __syncwarp();
    StepNoise noise(launch_.key, launch_.key.first + first_ * dimensions(), own, lane_);
    for (int k = 0; k < launch_.steps; ++k) {
      forward(launch_.energies + k * launch_.chains + first_);
      backward();
      noise.for_each(launch_.step.s.noise != 0,
                     [&](int i, real z) { positions_[i] = launch_.step(positions_[i], gradients_[i], z); });
      __syncwarp();
    }
    for (int i = lane_; i < own; i += warp_size) x[i] = positions_[i];
  }

 private:
  __device__ int dimensions() const { return net_.layer[0].in; }
  /// How many of the warp's chains there are; the others run along from 0 without noise.
  __device__ int count() const {
    const int64_t left = launch_.chains - first_;
    return left < 0 ? 0 : left < Tile::owned ? int(left) : Tile::owned;
  }
  /// The place of the first own chain's value of a unit; those of the next follow in steps of four.
  __device__ int place(int unit) const { return Tile::place(warp_ * Tile::owned, unit); }

  /// Waits for the tile's warps. Where a tile has several, all tiles of the block wait for each other.
  __device__ void meet() const {
    if constexpr (Tile::warps == 1) {
      __syncwarp();
    } else {
      __syncthreads();
    }
  }

  /// write(c, unit, place, compute(c, unit, place)) for each of the warp's chains, the units dealt to the lanes. Of
  /// many units a lane computes several at once, because each takes long by itself.
  template <class Compute, class Write>
  __device__ void for_each_unit(int units, const Compute& compute, const Write& write) const {
    if (Tile::owned < 4 && units > warp_size) {
      for_units_of_lane<4>(units, compute, write);
    } else {
      for_units_of_lane<1>(units, compute, write);
    }
  }

  /// `together` at once; those that are not there are the last one again, and are not written.
  template <int together, class Compute, class Write>
  __device__ void for_units_of_lane(int units, const Compute& compute, const Write& write) const {
    for (int first = lane_; first < units; first += together * warp_size) {
      decltype(compute(0, 0, 0)) result[together][Tile::owned];
      for (int j = 0; j < together; ++j) {
        const int unit = min(first + j * warp_size, units - 1), at = place(unit);
        for (int c = 0; c < Tile::owned; ++c) result[j][c] = compute(c, unit, at + 4 * c);
      }
      for (int j = 0; j < together; ++j) {
        const int unit = first + j * warp_size, at = place(first) + j * Tile::warp_of_units;
        if (unit < units)
          for (int c = 0; c < Tile::owned; ++c) write(c, unit, at + 4 * c, result[j][c]);
      }
    }
  }

  /// Zeros from the values' number up to a multiple of four, so that whole fours may be multiplied.
  __device__ void end_values(int count) const {
    for (int unit = count + lane_; unit < round_up_to_four(count); unit += warp_size)
      for (int c = 0; c < Tile::owned; ++c) values_[place(unit) + 4 * c] = 0;
    __syncwarp();
  }

  // ---- Products: from the values to the sums

  template <Direction direction>
  __device__ void multiply_thin(const ChainLayer& layer) const {
    const int last = terms_of(direction, layer) - 1;
    for_each_unit(
        units_of(direction, layer),
        [&](int c, int unit, int) {
          const auto terms = *reinterpret_cast<const Four<real>*>(values_ + place(0) + 4 * c);  // followed by zeros
          real total = 0;
          for (int k = 0; k < 4; ++k) total += terms.at[k] * weight_of<direction>(layer, min(k, last), unit);
          return total;
        },
        [&](int, int, int at, real total) { sums_[at] = total; });
  }

  template <Direction direction, int together>
  __device__ void multiply_narrow(const ChainLayer& layer) const {
    const int terms = terms_of(direction, layer), units = units_of(direction, layer);
    for (int first = 0; first < units; first += together) {
      real total[together][Tile::owned] = {};
      const real* values = values_ + place(lane_);
      ERG_UNROLL(4)
      for (int k = lane_; k < terms; k += warp_size, values += Tile::warp_of_units)
        for (int j = 0; j < together; ++j) {
          const real weight = weight_of<direction>(layer, k, min(first + j, units - 1));
          for (int c = 0; c < Tile::owned; ++c) total[j][c] += values[4 * c] * weight;
        }
      for (int j = 0; j < together; ++j)
        for (int c = 0; c < Tile::owned; ++c) {
          const real all = sum_of_lanes(total[j][c]);
          if (lane_ == 0) sums_[place(min(first + j, units - 1)) + 4 * c] = all;
        }
    }
  }

  template <Direction direction>
  __device__ void multiply_wide(const ChainLayer& layer) const {
    const int terms = terms_of(direction, layer), units = units_of(direction, layer);
    const bool passes = layer.weights == ChainLayer::passes;
    const int panel_units = passes ? passing_panel : resident_panel;
    real* const own_part = sums_ + (Tile::warps == 1 ? 0 : warp_ * Tile::values_size(net_));
    meet();
    for (int first = 0; first < units; first += panel_units) {
      const Panel panel = panel_of<direction>(layer, first, min(panel_units, units - first));
      const auto multiply = [&](auto units_of_lane) {
        multiply_panel<Tile, direction, units_of_lane>(shared_, panel, values_, terms, warp_, lane_,
                                                       own_part + Tile::place(0, first));
      };
      if (panel.units > 2 * warp_size) {
        multiply(std::integral_constant<int, 4>());
      } else if (panel.units > warp_size) {
        multiply(std::integral_constant<int, 2>());
      } else {
        multiply(std::integral_constant<int, 1>());
      }
      if (passes) __syncthreads();
    }
    meet();
  }

  /// The weights of units [first, first + count). Where they pass through, the whole block fetches them.
  template <Direction direction>
  __device__ Panel panel_of(const ChainLayer& layer, int first, int count) const {
    constexpr bool forward = direction == Direction::forward;
    if (layer.weights != ChainLayer::passes) {
      const int stride = weight_stride(layer.out);
      return {layer.weights + first * (forward ? 1 : stride), stride, count};
    }
    const int rows = forward ? layer.in : count, columns = forward ? count : layer.out;
    copy_weights(layer.weight + first * (forward ? 1 : layer.out), layer.out, rows, columns, shared_);
    wait_for_copies<0>();
    __syncthreads();
    return {0, weight_stride(columns), count};
  }

  /// Leaves the sums, in `Tile::warps` parts if they are wide: says how many.
  template <Direction direction>
  __device__ int multiply(const ChainLayer& layer) const {
    switch (way_of(terms_of(direction, layer), units_of(direction, layer))) {
      case Way::thin: multiply_thin<direction>(layer); break;
      case Way::narrow:
        if (units_of(direction, layer) == 1) {
          multiply_narrow<direction, 1>(layer);
        } else {
          multiply_narrow<direction, 2>(layer);
        }
        break;
      case Way::wide: multiply_wide<direction>(layer); return Tile::warps;
    }
    __syncwarp();
    return 1;
  }

  __device__ real sum_of_parts(int count, int at) const {
    real total = 0;
    for (int part = 0; part < Tile::warps; ++part)
      if (part < count) total += sums_[part * Tile::values_size(net_) + at];
    return total;
  }

  // ---- A step

  /// From the positions to the energies; leaves 1 as the only value, the derivative of the energy in itself.
  __device__ void forward(real* energies) const {
    for_each_unit(
        dimensions(), [&](int c, int i, int) { return positions_[c * dimensions() + i]; },
        [&](int, int, int at, real x) { values_[at] = x; });
    end_values(dimensions());
    for (int l = 0; l < net_.layers; ++l) {
      const ChainLayer& layer = net_.layer[l];
      const int count_of_parts = multiply<Direction::forward>(layer);
      const auto biased_sum = [&](int, int unit, int at) {
        return sum_of_parts(count_of_parts, at) + (layer.bias ? __ldg(layer.bias + unit) : real(0));
      };
      if (l + 1 < net_.layers) {
        real* const slopes = values_ + layer.slopes;
        with_unit(layer.unit, layer.slope, [&](const auto& unit_at) {
          for_each_unit(
              layer.out, [&](int c, int unit, int at) { return unit_at(biased_sum(c, unit, at)); },
              [&](int, int, int at, const Activation& y) { values_[at] = y.value, slopes[at] = y.slope; });
        });
      } else {
        for_each_unit(layer.out, biased_sum, [&](int c, int, int at, real energy) {
          values_[at] = 1;
          if (c < count()) energies[c] = energy;
        });
      }
      end_values(layer.out);
    }
  }

  /// From there to the gradient in the positions.
  __device__ void backward() const {
    for (int l = net_.layers - 1; l >= 0; --l) {
      const int count_of_parts = multiply<Direction::backward>(net_.layer[l]);
      if (l > 0) {
        const ChainLayer& below = net_.layer[l - 1];
        const real* const slopes = values_ + below.slopes;
        for_each_unit(
            below.out, [&](int, int, int at) { return sum_of_parts(count_of_parts, at) * slopes[at]; },
            [&](int, int, int at, real derivative) { values_[at] = derivative; });
        end_values(below.out);
      } else {
        for_each_unit(
            dimensions(), [&](int, int, int at) { return sum_of_parts(count_of_parts, at); },
            [&](int c, int i, int, real derivative) { gradients_[c * dimensions() + i] = derivative; });
        __syncwarp();
      }
    }
  }

  const ChainLaunch& launch_;
  const ChainNet& net_;
  int lane_, warp_;
  int64_t first_;                                             // the first of the warp's chains
  real *shared_, *values_, *sums_, *positions_, *gradients_;  // the last two of the warp's own chains
};

template <class Tile>
__global__ void __launch_bounds__(Tile::warps* warp_size* Tile::max_tiles, 1) chain_kernel(ChainLaunch launch) {
  ERG_SHARED(real, shared);
  for (int l = 0; l < launch.net.layers; ++l) {
    const ChainLayer& layer = launch.net.layer[l];
    if (layer.weights != ChainLayer::passes)
      copy_weights(layer.weight, layer.out, layer.in, layer.out, shared + layer.weights);
  }
  wait_for_copies<0>();
  __syncthreads();
  WarpChains<Tile>(launch, shared).run();
}

// ---- Launcher

// One warp for eight chains wastes the least, but it takes many chains to give each of a multiprocessor's four
// schedulers two such warps, or even one. With fewer, four warps share a tile, of eight chains or of four.
using ManyChains = Tile<8, 1, 8>;
using SomeChains = Tile<2, 4, 3>;
using FewChains = Tile<1, 4, 1>;

/// Launches in tiles of this kind, if at least `least` of them fit a block: as many as its share of the chains wants,
/// but rather fewer than have weights pass.
template <class Tile>
bool launch_in(const Stream& stream, ChainLaunch arguments, int64_t chains_of_block, int64_t capacity, int least) {
  const int wanted = int(std::min<int64_t>(Tile::max_tiles, ceil_div(chains_of_block, Tile::chains)));
  for (const bool resident : {true, false})
    for (int tiles = wanted; tiles >= least; --tiles) {
      const ChainPlan plan = arguments.plan = plan_block<Tile>(arguments.net, tiles, capacity);
      if (!plan.fits || plan.resident != resident) continue;
      launch(chain_kernel<Tile>, unsigned(ceil_div(arguments.chains, tiles * Tile::chains)),
             dim3(Tile::warps * warp_size, unsigned(tiles)), plan.bytes(), stream, arguments);
      return true;
    }
  return false;
}

}  // namespace

int64_t dense_chain_workspace(const DenseNet&) { return 0; }

void dense_chain_(const Stream& stream, const DenseNet& net, const LangevinUpdate& s, const NoiseKey& key,
                  int64_t chains, int steps, real*, real* energies, real* x) {
  if (chains == 0) return;
  int capacity = 0;
  check(cudaDeviceGetAttribute(&capacity, cudaDevAttrMaxSharedMemoryPerBlockOptin, stream.device.index),
        "reading a device's properties");
  const int64_t reals = capacity / int64_t(sizeof(real)),
                share = ceil_div(chains, multiprocessors(stream.device.index));
  const ChainLaunch arguments{ChainNet(net), {}, {s}, key, chains, steps, energies, x};
  if (share > SomeChains::max_tiles * SomeChains::chains && launch_in<ManyChains>(stream, arguments, share, reals, 4))
    return;
  if (share > FewChains::chains && launch_in<SomeChains>(stream, arguments, share, reals, 1)) return;
  if (launch_in<FewChains>(stream, arguments, share, reals, 1)) return;
  throw Error("[dense_chain_] the layers' values of four chains do not fit the " + std::to_string(capacity / 1024) +
              " KiB of shared memory of a block; use a network of fewer layers");
}

}  // namespace erg::kernels::cuda
