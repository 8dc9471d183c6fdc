// Operands of a matrix product C(m,n) = sum over k of A(m,k) B(k,n), and how their tiles reach shared memory.
//
// An operand is a function of (outer, k), where outer is m for A and n for B, that says where in memory an element
// lies: a matrix, or a convolution's view of an image. It is a small struct (matrix.cuh, conv*.cu) with
//
//   order               which of the two indices walks through consecutive memory
//   read_again          whether the block soon reads an element again: it is then kept in the L1 cache
//   whole_groups        whether groups of four along it, 16-byte aligned, exist as a whole or not at all
//   outer(i), k(i)      what is to be known of an index: found once, then taken from step to step by
//   next(k)             from index i to i + 1, within a panel
//   next_panel(k)       from an index in one panel to that in the next
//   next(outer)         from i to i + 1; only where consecutive outer indices are neighbours
//   element(outer, k)   where the element is, and whether there is one: if not, it is zero
//
// A panel is the operand's part of one tile, k_tile deep, in shared memory. Its lines are those of the operand, and so
// much longer than what they hold that the eight rows that load_matrices reads, or the 4 x 8 words of a fragment read
// one by one, lie in 32 different banks.
#pragma once

#include "plan.h"
#include "portable.cuh"

namespace erg::kernels::cuda {

enum class Order {
  along_k,      // elements (outer, k) and (outer, k + 1) are neighbours
  along_outer,  // elements (outer, k) and (outer + 1, k) are
};

inline constexpr int block_threads = 128, group_words = 4;

struct Element {
  const real* from;  // aligned, where whole groups are, even if there is no element
  bool exists;
};

template <Order order, int extent>
struct Panel {
  static constexpr bool by_k = order == Order::along_k;
  static constexpr int line = by_k ? k_tile + 4 : extent + 8, words = line * (by_k ? extent : k_tile);

  /// Where in the panel an element lies.
  static __device__ __forceinline__ int at(int outer, int k) { return by_k ? outer * line + k : k * line + outer; }
};

/// One thread's share in copying an operand's panels: of each panel the same groups of four words, one in each of a few
/// lines. Lines of an operand along k are rows, those of one along outer are indices k.
template <class Operand, int extent>
class Copier {
  using Layout = Panel<Operand::order, extent>;
  using Outer = typename Operand::Outer;
  using K = typename Operand::K;
  static constexpr int groups = (Layout::by_k ? k_tile : extent) / group_words;
  static constexpr int lines = block_threads / groups;  // at once
  static constexpr int passes = (Layout::by_k ? extent : k_tile) / lines;

 public:
  /// For the panels from (outer, k) on.
  __device__ __forceinline__ Copier(const Operand& operand, int64_t outer, int64_t k)
      : operand_(operand), k_(operand.k(k + (Layout::by_k ? group() : first_line()))) {
    for (int i = 0; i < outers; ++i)
      outer_[i] = operand.outer(outer + (Layout::by_k ? first_line() + i * line_step : group()));
  }

  /// Begins to copy the next panel.
  __device__ __forceinline__ void copy(real* panel) {
    panel += first_line() * Layout::line + group();
    if (operand_.whole_groups)
      copy_panel<group_words>(panel);
    else
      copy_panel<1>(panel);
    operand_.next_panel(k_);
  }

 private:
  // A thread's rows lie far apart, for a warp to read neighbouring rows; its k are consecutive, for next(k) to do.
  static constexpr int line_step = Layout::by_k ? lines : 1;
  static constexpr int outers = Layout::by_k ? passes : 1;
  static __device__ __forceinline__ int first_line() { return int(threadIdx.x) / groups * (Layout::by_k ? 1 : passes); }
  static __device__ __forceinline__ int group() { return int(threadIdx.x) % groups * group_words; }

  template <int width>
  __device__ __forceinline__ void copy_panel(real* panel) const {
    K k = k_;
    if constexpr (Layout::by_k) {
      for (int word = 0; word < group_words; word += width) {
        for (int i = 0; i < passes; ++i)
          copy_words<width>(panel + i * line_step * Layout::line + word, operand_.element(outer_[i], k));
        if (width == 1) operand_.next(k);
      }
    } else {
      for (int i = 0; i < passes; ++i) {
        Outer outer = outer_[0];
        for (int word = 0; word < group_words; word += width) {
          copy_words<width>(panel + i * line_step * Layout::line + word, operand_.element(outer, k));
          if (width == 1) operand_.next(outer);
        }
        operand_.next(k);
      }
    }
  }

  template <int width>
  static __device__ __forceinline__ void copy_words(real* to, const Element& element) {
    if constexpr (width == 1)
      copy_async_word(to, element.from, element.exists);
    else if constexpr (Operand::read_again)
      copy_async_cached(to, element.from, element.exists);
    else
      copy_async(to, element.from, element.exists);
  }

  const Operand& operand_;
  K k_;
  Outer outer_[outers];
};

}  // namespace erg::kernels::cuda
