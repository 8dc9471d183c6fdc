// The matrix product behind gemm and the three convolutions: C(m,n) = sum over k of A(m,k) B(k,n).
//
// A block computes one tile of C. It walks along k, a panel of A and one of B at a time; while it multiplies two panels
// that have arrived in shared memory, the next ones are on their way. What A and B are is the operands' business
// (panel.cuh), how panels are multiplied the policy's (multiply.cuh), and what becomes of a sum the finish's
// (finish.cuh). Where C has fewer tiles than the device has multiprocessors, several blocks share a tile, each with a
// stretch of k, and leave their sums in the workspace for a second kernel to add up.
//
// Invariant: tile shapes and stretches are functions of the problem's shape alone, and every sum is taken in the order
// of k; the same product has the same bits on every device of an architecture.
#pragma once

#include "finish.cuh"
#include "multiply.cuh"
#include "tile_moments.cuh"

namespace erg::kernels::cuda {

/// A product of two operands as they are. A problem may also consist of several parts, independent products that one
/// launch computes, of which m and k are the largest (conv_dx.cu).
template <class A_, class B_>
struct Product {
  using A = A_;
  using B = B_;
  A a;
  B b;
  int64_t m, n, k;

  Extents extents() const { return {m, n, k, 1, m * n}; }
  ERG_HD const Product& part(int) const { return *this; }
  /// Where row i of this part begins in C.
  ERG_HD int64_t row(int64_t i) const { return i * n; }
};

/// How many blocks are to fit a multiprocessor, and so how many registers their threads may have.
constexpr int blocks_at_once(int tile_m, int tile_n) { return tile_m * tile_n > 128 * 64 ? 2 : 3; }

inline constexpr int stages = 4;  // panels of each operand in shared memory: one multiplied, three under way

/// Adds the product of A's rows from m on and B's columns from n on, over `tiles` tiles of k from `first` on.
template <int tile_m, int tile_n, class Part, class Multiply>
__device__ __forceinline__ void walk_along_k(const Part& part, int64_t m, int64_t n, int64_t first, int tiles,
                                             Multiply& multiply) {
  using PanelA = Panel<Part::A::order, tile_m>;
  using PanelB = Panel<Part::B::order, tile_n>;
  ERG_SHARED(real, shared);
  Copier<typename Part::A, tile_m> a(part.a, m, first * k_tile);
  Copier<typename Part::B, tile_n> b(part.b, n, first * k_tile);
  real* const a_panels = shared;
  real* const b_panels = shared + stages * PanelA::words;
  const auto fetch = [&](int tile) {
    if (tile < tiles) {
      a.copy(a_panels + tile % stages * PanelA::words);
      b.copy(b_panels + tile % stages * PanelB::words);
    }
    commit_copies();  // a group for each tile, if an empty one, so that the count of open groups tells what is here
  };

  for (int tile = 0; tile < stages - 1; ++tile) fetch(tile);
  for (int tile = 0; tile < tiles; ++tile) {
    wait_for_copies<stages - 2>();
    __syncthreads();  // everybody's copies of this tile are here, and nobody reads the tile before it any more
    fetch(tile + stages - 1);
    multiply.add(a_panels + tile % stages * PanelA::words, b_panels + tile % stages * PanelB::words);
  }
}

/// Writes the thread's sums to the tile of C whose first element is (m, n).
template <class Part, class Multiply, class Finish>
__device__ __forceinline__ void store_tile(const Part& part, int64_t m, int64_t n, const Multiply& multiply,
                                           const Finish& finish, real* c) {
  const bool aligned = part.n % 2 == 0 && reinterpret_cast<uintptr_t>(c) % sizeof(float2) == 0;
  ERG_UNROLL(Multiply::rows)  // to the last, for the sums to be registers
  for (int i = 0; i < Multiply::rows; ++i) {
    const int64_t row = m + multiply.row(i);
    if (row >= part.m) continue;
    real* const line = c + part.row(row);
    ERG_UNROLL(Multiply::pairs)
    for (int j = 0; j < Multiply::pairs; ++j) {
      const int64_t column = n + multiply.column(j);
      if (column >= part.n) continue;
      const bool both = column + 1 < part.n;
      const real first = finish(multiply.first(i, j), column);
      const real second = both ? finish(multiply.second(i, j), column + 1) : 0;
      if (both && aligned) {
        *reinterpret_cast<float2*>(line + column) = make_float2(first, second);
      } else {
        line[column] = first;
        if (both) line[column + 1] = second;
      }
    }
  }
}

/// Block (x, y) computes tile x for the y-th of gridDim.y stretches of k, and writes to the y-th array of `size` reals.
/// Tiles that share rows of A are neighbours, so that A comes from memory once and B stays in the L2 cache.
template <int tile_m, int tile_n, template <int, int, Order, Order> class Policy, class Problem, class Finish>
__global__ void __launch_bounds__(block_threads, blocks_at_once(tile_m, tile_n))
    product_kernel(const Problem problem, const Finish finish, int tiles_m, int tiles_n, int64_t size, real* c) {
  const int tile = int(blockIdx.x) / tiles_n;
  const auto part = problem.part(tile / tiles_m);
  const int64_t m = int64_t(tile % tiles_m) * tile_m, n = int64_t(blockIdx.x % tiles_n) * tile_n;
  if (m >= part.m && !Finish::sums_columns) return;  // what sums columns says of such a tile that it has none
  const int64_t tiles_k = ceil_div(part.k, k_tile);
  const int64_t first = tiles_k * blockIdx.y / gridDim.y, last = tiles_k * (blockIdx.y + 1) / gridDim.y;
  Policy<tile_m, tile_n, Problem::A::order, Problem::B::order> multiply;
  if (first < last) walk_along_k<tile_m, tile_n>(part, m, n, first, int(last - first), multiply);
  store_tile(part, m, n, multiply, finish, c + blockIdx.y * size);
  if constexpr (Finish::sums_columns) leave_moments<tile_n>(part, m, n, multiply, finish.sums + 2 * tile * part.n);
}

template <int tile_m, int tile_n, template <int, int, Order, Order> class Policy, class Problem, class Finish>
void launch_tiles(const Stream& stream, const Problem& problem, const Finish& finish, int splits, real* c) {
  const Extents e = problem.extents();
  const int tiles_m = int(ceil_div(e.m, tile_m)), tiles_n = int(ceil_div(e.n, tile_n));
  constexpr size_t words = Panel<Problem::A::order, tile_m>::words + Panel<Problem::B::order, tile_n>::words;
  static_assert(!Finish::sums_columns || moments_bytes(tile_n) <= stages * words * sizeof(real));
  launch(product_kernel<tile_m, tile_n, Policy, Problem, Finish>,
         dim3(unsigned(e.parts * tiles_m * tiles_n), unsigned(splits)), block_threads, stages * words * sizeof(real),
         stream, problem, finish, tiles_m, tiles_n, e.size, c);
}

template <class Problem, class Finish>
void launch_plan(const Stream& stream, const Problem& problem, const Finish& finish, const Plan& plan, real* c) {
  switch (plan.tile) {
    case TileKind::fp32_128x64: return launch_tiles<128, 64, FusedMultiplyAdd>(stream, problem, finish, plan.splits, c);
    case TileKind::tf32_64x64: return launch_tiles<64, 64, TensorCores>(stream, problem, finish, plan.splits, c);
    case TileKind::tf32_128x64: return launch_tiles<128, 64, TensorCores>(stream, problem, finish, plan.splits, c);
    case TileKind::tf32_128x128: return launch_tiles<128, 128, TensorCores>(stream, problem, finish, plan.splits, c);
  }
}

/// C = finish(A B). The workspace holds plan_for(problem.extents()).workspace reals.
template <class Problem, class Finish>
void compute_product(const Stream& stream, const Problem& problem, const Finish& finish, real* workspace, real* c) {
  const Extents e = problem.extents();
  const Plan plan = plan_for(e);
  if (plan.splits == 1) return launch_plan(stream, problem, finish, plan, c);
  launch_plan(stream, problem, Plain{}, plan, workspace);
  add_splits(stream, e.size, e.n, plan.splits, workspace, finish, c);
}

}  // namespace erg::kernels::cuda
