// Accept steps on the device. Each thread decides for its chain by itself, from two numbers, rather than wait for
// another to tell it: so chains of two coordinates and chains of thousands are one kernel, which only divides a block's
// threads differently among chains. Non-finite numbers are looked for by all threads; the one that finds writes the
// smallest index with an integer atomic, which is exact in any order, and where all is well nobody writes.
#include "../metropolis.h"

#include <algorithm>
#include <bit>

#include "../math.h"
#include "vector.cuh"

namespace erg::kernels::cuda {

namespace {

constexpr int block_threads = 256;

/// Rows are copied in pieces of an Element: single reals, or four at a time.
template <class Element>
ERG_HD void copy_row(int64_t chain, int64_t n, int64_t first, int64_t step, const real* from, real* to) {
  const Element* __restrict__ from_row = reinterpret_cast<const Element*>(from) + chain * n;
  Element* __restrict__ to_row = reinterpret_cast<Element*>(to) + chain * n;
  for (int64_t i = first; i < n; i += step) to_row[i] = from_row[i];
}

/// threadIdx.y and blockIdx.x choose the chain, threadIdx.x and blockIdx.y the elements of its row. n counts Elements.
template <class Element>
__global__ void __launch_bounds__(block_threads)
    metropolis_kernel(int64_t n, const real* log_ratio, const real* uniform, ChainRows<const real> proposal,
                      real* acceptance, ChainRows<real> current) {
  const int64_t chain = int64_t(blockIdx.x) * blockDim.y + threadIdx.y;
  const int64_t first = int64_t(blockIdx.y) * blockDim.x + threadIdx.x, step = int64_t(gridDim.y) * blockDim.x;
  if (chain >= current.chains) return;
  const real ratio = log_ratio[chain] == log_ratio[chain] ? log_ratio[chain] : -math::detail::infinity;  // NaN rejects
  const bool accepted = math::log(1 - uniform[chain]) <= ratio;
  if (first == 0) {
    acceptance[chain] = math::min(real(1), math::exp(ratio));
    if (accepted) current.energy[chain] = proposal.energy[chain];
  }
  if (!accepted) return;
  copy_row<Element>(chain, n, first, step, proposal.x, current.x);
  copy_row<Element>(chain, n, first, step, proposal.gradient, current.gradient);
}

template <class Element>
void launch_metropolis(const Stream& stream, const real* log_ratio, const real* uniform,
                       const ChainRows<const real>& proposal, real* acceptance, const ChainRows<real>& current) {
  constexpr int64_t pieces_of_a_thread = 4, rows_max = 65535;
  const int64_t n = current.n / int64_t(sizeof(Element) / sizeof(real));
  const unsigned across = unsigned(std::bit_ceil(uint64_t(std::clamp<int64_t>(n, 1, block_threads))));
  const dim3 block(across, block_threads / across);
  const int64_t row_blocks = std::clamp<int64_t>(ceil_div(n, pieces_of_a_thread * across), 1, rows_max);
  launch(metropolis_kernel<Element>, dim3(unsigned(ceil_div(current.chains, block.y)), unsigned(row_blocks)), block, 0,
         stream, n, log_ratio, uniform, proposal, acceptance, current);
}

}  // namespace

void metropolis_(const Stream& stream, const real* log_ratio, const real* uniform,
                 const ChainRows<const real>& proposal, real* acceptance, const ChainRows<real>& current) {
  const bool by_fours = current.n % 4 == 0 && is_aligned(proposal.x) && is_aligned(proposal.gradient) &&
                        is_aligned(current.x) && is_aligned(current.gradient);
  const auto start = by_fours ? launch_metropolis<Four<real>> : launch_metropolis<real>;
  start(stream, log_ratio, uniform, proposal, acceptance, current);
}

namespace {

using Index = unsigned long long;  // of the integers that an atomicMin takes, the one as wide as an int64_t

__global__ void set_index(int64_t value, int64_t* index) { *index = value; }

__global__ void __launch_bounds__(walk_threads) lower_index(Fours fours, const real* x, int64_t* index) {
  for (int64_t i = thread_index(); i < fours.count(); i += thread_count()) {
    const Part part = fours.part(i);
    const Four<real> four = load(x, part);
    for (int k = 0; k < 4; ++k) {
      if (math::abs(four.at[k]) < math::detail::infinity) continue;  // a NaN is not
      atomicMin(reinterpret_cast<Index*>(index), Index(part.start + k));
      return;  // what follows in this thread is further on
    }
  }
}

}  // namespace

void find_nonfinite(const Stream& stream, int64_t n, const real* x, int64_t* index) {
  const Fours fours = fours_of(n, 0, x);
  launch(set_index, 1, 1, 0, stream, n, index);
  launch_walk(lower_index, fours.count(), stream, fours, x, index);
}

}  // namespace erg::kernels::cuda
