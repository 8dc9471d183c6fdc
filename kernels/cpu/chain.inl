// All the steps of a few chains, then all those of the next few: a tile of chains has its activations in the
// first-level cache and meets the weights in the second, packed in the order in which a step uses them.
//
// A step multiplies matrices: each layer's weights with its inputs on the way to the energy, their transposes with the
// derivatives on the way back. With many chains the lanes of a register are chains (ChainsInLanes): a weight is
// broadcast and meets the same unit of several chains. With few the lanes are units (UnitsInLanes), an input is
// broadcast and meets the weights of several units. It is one product with its operands exchanged, so one register
// tile serves both. Either way a sum starts from the bias and adds its terms in the same order with the same
// instruction, and what is elementwise is one function (chain_units.inl). Hence a chain's bits are the same in any
// tile.

#include "tile.inl"

#include "chain_units.inl"
#include "noise_tile.inl"

// ---- Register tiles ----

constexpr int sums_max = registers >= 32 ? 24 : 12;  // that leave registers for what is multiplied

/// sum[i][v] += rows[i*row_stride] * columns[v]
template <int M, int V>
ERG_HD void add_term(const real* rows, int row_stride, const real* columns, Vector (&sum)[M][V]) {
  Vector column[V];
#pragma GCC unroll 12
  for (int v = 0; v < V; ++v) column[v] = load(columns + v * lanes);
#pragma GCC unroll 12
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 12
    for (int v = 0; v < V; ++v) sum[i][v] += rows[i * row_stride] * column[v];
}

/// sum[i][v] += sum over p of rows[p*row_step + i*row_stride] * columns[p*V + v], in vectors of columns. The terms are
/// dealt to `parts` sums that are added in the end: each addition to a sum waits for the one before, and a narrow
/// product has too few sums to fill the time.
template <int parts, int M, int V>
ERG_HD void add_terms(int terms, const real* rows, int row_step, int row_stride, const real* columns,
                      Vector (&sum)[M][V]) {
  Vector part[parts][M][V] = {};
#pragma GCC unroll 12
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 12
    for (int v = 0; v < V; ++v) part[0][i][v] = sum[i][v];
  int p = 0;
  for (; p + parts <= terms; p += parts)
#pragma GCC unroll 4
    for (int s = 0; s < parts; ++s, rows += row_step, columns += V * lanes)
      add_term(rows, row_stride, columns, part[s]);
  for (; p < terms; ++p, rows += row_step, columns += V * lanes) add_term(rows, row_stride, columns, part[0]);
#pragma GCC unroll 12
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 12
    for (int v = 0; v < V; ++v) {
      sum[i][v] = part[0][i][v];
#pragma GCC unroll 4
      for (int s = 1; s < parts; ++s) sum[i][v] += part[s][i][v];
    }
}

/// out[i*stride + v] = sum[i][v], times what `slope` holds there unless it is null.
template <int M, int V>
ERG_HD void store_sums(const Vector (&sum)[M][V], int stride, const real* slope, real* out) {
#pragma GCC unroll 12
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 12
    for (int v = 0; v < V; ++v) {
      const int at = i * stride + v * lanes;
      store(out + at, slope ? sum[i][v] * load(slope + at) : sum[i][v]);
    }
}

// ---- Two kinds of tiles ----
//
// A tile's values come in buffers: value u of chain c is at index(u, c). Weights are packed in panels, each as wide as
// a register tile: [1 + terms][width], where row 0 holds the biases. A panel's width is a number of items.

/// Some vectors of chains. Three load less for each sum than two, and are the faster where something else uses the
/// core's cache; two waste less of a small batch.
template <int vectors>
struct ChainsInLanes {
  static constexpr int chains = vectors * lanes, rows = 1;
  static constexpr int item = 1;  // a unit
  static constexpr int panel_items = sums_max / vectors;

  static constexpr int index(int unit, int chain) { return unit * chains + chain; }
  /// How many consecutive reals hold `units` values of a row.
  static constexpr int length(int units) { return units * chains; }

  template <int M, int parts>
  ERG_HD static void multiply(int terms, const real* panel, const real* in, const real* slope, real* out) {
    Vector sum[M][vectors];
#pragma GCC unroll 12
    for (int i = 0; i < M; ++i)
#pragma GCC unroll 12
      for (int v = 0; v < vectors; ++v) sum[i][v] = broadcast(panel[i]);
    add_terms<parts>(terms, panel + M, M, 1, in, sum);
    store_sums(sum, chains, slope, out);
  }
};

/// C chains, each a row.
template <int C>
struct UnitsInLanes {
  static constexpr int chains = C, rows = C;
  static constexpr int item = lanes;
  static constexpr int panel_items = sums_max / C < 12 ? sums_max / C : 12;

  static constexpr int index(int unit, int chain) { return chain * DenseLayer::max_width + unit; }
  static constexpr int length(int units) { return (units + lanes - 1) / lanes * lanes; }

  template <int V, int parts>
  ERG_HD static void multiply(int terms, const real* panel, const real* in, const real* slope, real* out) {
    constexpr int together = parts == 1 ? C : 1;  // chains; parts need registers too
    for (int c = 0; c < C; c += together) {
      Vector sum[together][V];
#pragma GCC unroll 12
      for (int i = 0; i < together; ++i)
#pragma GCC unroll 12
        for (int v = 0; v < V; ++v) sum[i][v] = load(panel + v * lanes);
      const int row = index(0, c);
      add_terms<parts>(terms, in + row, 1, DenseLayer::max_width, panel + V * lanes, sum);
      store_sums(sum, DenseLayer::max_width, slope ? slope + row : nullptr, out + row);
    }
  }
};

/// The panels of `units` units: as few as can be, and equal to within one item. The wider ones come first.
template <class Tile>
struct Panels {
  int wide, narrow;  // how many there are
  int items;         // in a narrow one

  explicit Panels(int units) {
    const int all = (units + Tile::item - 1) / Tile::item, count = (all + Tile::panel_items - 1) / Tile::panel_items;
    items = all / count;
    wide = all % count;
    narrow = count - wide;
  }
};

// ---- Weights ----

/// A layer's weights as one product wants them: `units` sums of `terms` terms each, every sum upon its bias.
struct Operand {
  const real* weight;
  int terms, term_step, units, unit_step;
  const real* bias;  // or null
};

ERG_HD Operand forward_operand(const DenseLayer& layer) {
  return {layer.weight, layer.in, layer.out, layer.out, 1, layer.bias};
}
ERG_HD Operand backward_operand(const DenseLayer& layer) {
  return {layer.weight, layer.out, 1, layer.in, layer.out, nullptr};
}
/// The derivatives of the energy in the last layer's inputs are its weights: sums without terms.
ERG_HD Operand last_backward_operand(const DenseLayer& layer) { return {nullptr, 0, 0, layer.in, 0, layer.weight}; }

/// to[i*to_step + j] = from[i*from_step + j*stride]. One of the strides of `from` is 1, and that loop is the inner one.
ERG_HD void copy_block(int rows, int columns, const real* from, int from_step, int stride, real* to, int to_step) {
  if (stride == 1) {
    for (int i = 0; i < rows; ++i, from += from_step, to += to_step)
      for (int j = 0; j < columns; ++j) to[j] = from[j];
  } else {
    for (int j = 0; j < columns; ++j, from += stride, ++to)
      for (int i = 0; i < rows; ++i) to[i * to_step] = from[i * from_step];
  }
}

/// Packs an operand; returns the end. Units that only fill a vector get zeros.
template <class Tile>
real* pack(const Operand& w, real* to) {
  const Panels<Tile> panels(w.units);
  for (int panel = 0, first = 0; first < w.units; ++panel) {
    const int width = (panels.items + (panel < panels.wide)) * Tile::item;
    const int count = int(smaller(width, w.units - first)), size = (1 + w.terms) * width;
    for (int i = 0; i < size; ++i) to[i] = 0;
    for (int u = 0; u < count && w.bias; ++u) to[u] = w.bias[first + u];
    copy_block(w.terms, count, w.weight + first * w.unit_step, w.term_step, w.unit_step, to + width, width);
    first += width;
    to += size;
  }
  return to;
}

/// All weights of a step, in the order of their use.
template <class Tile>
void pack(const DenseNet& net, real* to) {
  for (int l = 0; l < net.layers; ++l) to = pack<Tile>(forward_operand(net.layer[l]), to);
  to = pack<Tile>(last_backward_operand(net.layer[net.layers - 1]), to);
  for (int l = net.layers - 1; l-- > 0;) to = pack<Tile>(backward_operand(net.layer[l]), to);
}

// ---- Products ----

/// A product under way: where its next panel reads and writes.
struct Product {
  int terms;
  const real *weights, *in, *slope;
  real* out;
};

/// The next `panels` panels, of `items_of_each` items. `parts` depends on nothing but the number of units, so that
/// every kind of tile adds alike.
template <class Tile, int parts, int items = Tile::panel_items>
void multiply_panels(int panels, int items_of_each, Product& product) {
  if constexpr (items > 1)
    if (items_of_each < items) return multiply_panels<Tile, parts, items - 1>(panels, items_of_each, product);
  constexpr int step = Tile::index(items * Tile::item, 0);
  for (; panels > 0; --panels) {
    Tile::template multiply<items, parts>(product.terms, product.weights, product.in, product.slope, product.out);
    product.weights += (1 + product.terms) * items * Tile::item;
    product.out += step;
    if (product.slope) product.slope += step;
  }
}

/// out = bias + in * weights, times slope if that is not null. Returns the weights of the next product.
template <class Tile>
const real* multiply(int terms, int units, const real* weights, const real* in, const real* slope, real* out) {
  Product product{terms, weights, in, slope, out};
  const Panels<Tile> panels(units);
  if (units == 1) {
    multiply_panels<Tile, 4, 1>(1, 1, product);
  } else if (units == 2) {
    multiply_panels<Tile, 2, Tile::item == 1 ? 2 : 1>(1, panels.items, product);
  } else {
    if (panels.wide) multiply_panels<Tile, 1>(panels.wide, panels.items + 1, product);
    multiply_panels<Tile, 1>(panels.narrow, panels.items, product);
  }
  return product.weights;
}

// ---- A tile's chains ----

/// What a launch's tiles share.
struct Launch {
  const DenseNet& net;
  const LangevinUpdate& update;
  const NoiseKey& key;
  int64_t chains;
  int steps;
  const real* weights;  // packed
  real* energies;
  real* x;
};

/// Where a tile keeps its values; every buffer has `size` reals.
struct Buffers {
  int64_t size;
  real *position, *gradient, *noise;
  real* drawn;     // noise as it is drawn: [chains][dimensions]
  real* value[2];  // outputs of the layer at work and of the one before
  real* slopes;    // derivatives of each layer's units, then of the energy in each unit's sum

  Buffers(real* memory, int64_t size)
      : size(size),
        position(memory),
        gradient(memory + size),
        noise(memory + 2 * size),
        drawn(memory + 3 * size),
        value{memory + 4 * size, memory + 5 * size},
        slopes(memory + 6 * size) {}
  static int64_t count(const DenseNet& net) { return 6 + net.layers - 1; }
  real* slope(int layer) const { return slopes + layer * size; }
};

/// Computes the energies and leaves them in the buffer that is returned; fills the slopes.
template <class Tile>
const real* forward(const DenseNet& net, const real*& weights, const Buffers& b) {
  const real* in = b.position;
  for (int l = 0; l < net.layers; ++l) {
    const DenseLayer& layer = net.layer[l];
    real* out = b.value[l % 2];
    weights = multiply<Tile>(layer.in, layer.out, weights, in, nullptr, out);
    if (l == net.layers - 1) return out;
    for (int row = 0; row < Tile::rows; ++row)
      activate(layer, Tile::length(layer.out), out + Tile::index(0, row), b.slope(l) + Tile::index(0, row));
    in = out;
  }
  return nullptr;
}

/// Computes the gradient of the energy in the positions.
template <class Tile>
void backward(const DenseNet& net, const real* weights, const Buffers& b) {
  int terms = 0;
  const real* in = nullptr;
  for (int l = net.layers; l-- > 0;) {
    const DenseLayer& layer = net.layer[l];
    real* slope = l > 0 ? b.slope(l - 1) : nullptr;
    real* out = l > 0 ? slope : b.gradient;
    weights = multiply<Tile>(terms, layer.in, weights, in, slope, out);
    terms = layer.in;
    in = out;
  }
}

/// Calls f(i, j) with every value of a tile's first `count` chains: i among [chains][values], j in a buffer.
template <class Tile, class F>
ERG_HD void for_each_value(int count, int values, F f) {
  for (int c = 0; c < count; ++c)
    for (int u = 0; u < values; ++u) f(c * values + u, Tile::index(u, c));
}

/// Draws the noise of a step for the chains whose first coordinate is `element` of the draw.
template <class Tile>
void draw_noise(const Draw& draw, int64_t element, int count, int d, const Buffers& b) {
  draw_normals(draw, element, element + count * d, b.drawn);
  for_each_value<Tile>(count, d, [&](int i, int j) { b.noise[j] = b.drawn[i]; });
}

/// All steps of the tile whose first chain is `first`. Lanes without a chain run along from 0, without noise.
template <class Tile>
void run_tile(const Launch& launch, int64_t first, const Buffers& b) {
  const int d = launch.net.layer[0].in, count = int(smaller(Tile::chains, launch.chains - first));
  real *x = launch.x + first * d, *energies = launch.energies + first;
  for (int64_t i = 0; i < b.size; ++i) b.position[i] = b.noise[i] = 0;
  for_each_value<Tile>(count, d, [&](int i, int j) { b.position[j] = x[i]; });
  Draw draw = draw_of(launch.key);
  for (int k = 0; k < launch.steps; ++k, energies += launch.chains) {
    const real* weights = launch.weights;
    const real* energy = forward<Tile>(launch.net, weights, b);
    for_each_value<Tile>(count, 1, [&](int i, int j) { energies[i] = energy[j]; });
    backward<Tile>(launch.net, weights, b);
    if (launch.update.noise != 0) {
      draw.step = broadcast_word(*launch.key.step + uint32_t(k));
      draw_noise<Tile>(draw, launch.key.first + first * d, count, d, b);
    }
    for (int row = 0; row < Tile::rows; ++row) {
      const int at = Tile::index(0, row);
      update(launch.update, Tile::length(d), b.gradient + at, b.noise + at, b.position + at);
    }
  }
  for_each_value<Tile>(count, d, [&](int i, int j) { x[i] = b.position[j]; });
}

// ---- The whole ----

constexpr int64_t cache_line = 64 / sizeof(real);
constexpr int few_chains_max = 6;   // of UnitsInLanes
constexpr int many_chains_min = 8;  // tiles of three vectors that each thread has, for these to be used
using Wide = ChainsInLanes<3>;
using Narrow = ChainsInLanes<2>;

/// Enough for the widest layer's values in any tile.
ERG_HD int64_t buffer_size(const DenseNet& net) {
  int64_t widest = lanes;
  for (int l = 0; l < net.layers; ++l) widest = larger(widest, round_up(net.layer[l].in, lanes));
  return larger(widest * Wide::chains, few_chains_max * DenseLayer::max_width);
}

ERG_HD int64_t weights_size(const DenseNet& net) {
  int64_t size = 0;
  for (int l = 0; l < net.layers; ++l) {
    const DenseLayer& layer = net.layer[l];
    size += (1 + layer.in) * round_up(layer.out, lanes) + (1 + layer.out) * round_up(layer.in, lanes);
  }
  return round_up(size, cache_line);
}

inline int64_t dense_chain_workspace(const DenseNet& net) {
  return cache_line + weights_size(net) + max_threads() * Buffers::count(net) * buffer_size(net);
}

template <class Tile>
void run(const Launch& launch, real* weights, real* scratch) {
  pack<Tile>(launch.net, weights);
  const int64_t size = buffer_size(launch.net), scratch_size = Buffers::count(launch.net) * size;
  parallel_for(ceil_div(launch.chains, Tile::chains), 1, [&](int64_t begin, int64_t end) {
    const Buffers buffers(scratch + thread_index() * scratch_size, size);
    for (int64_t tile = begin; tile < end; ++tile) run_tile<Tile>(launch, tile * Tile::chains, buffers);
  });
}

template <int C = few_chains_max>
void run_few(int64_t chains, const Launch& launch, real* weights, real* scratch) {
  if (chains == C) return run<UnitsInLanes<C>>(launch, weights, scratch);
  if constexpr (C > 1) run_few<C - 1>(chains, launch, weights, scratch);
}

inline void dense_chain_(const DenseNet& net, const LangevinUpdate& s, const NoiseKey& key, int64_t chains, int steps,
                         real* workspace, real* energies, real* x) {
  const int64_t misaligned = reinterpret_cast<uintptr_t>(workspace) / sizeof(real) % cache_line;
  real* weights = workspace + (cache_line - misaligned) % cache_line;
  real* scratch = weights + weights_size(net);
  const Launch launch{net, s, key, chains, steps, weights, energies, x};
  // A tile of ChainsInLanes costs the same however few of its lanes have a chain.
  const int64_t of_each_thread = larger(1, ceil_div(chains, max_threads()));
  if (4 * of_each_thread <= 3 * Narrow::chains)
    run_few(ceil_div(of_each_thread, ceil_div(of_each_thread, few_chains_max)), launch, weights, scratch);
  else if (of_each_thread < many_chains_min * Wide::chains)
    run<Narrow>(launch, weights, scratch);
  else
    run<Wide>(launch, weights, scratch);
}
