// Matrices in memory as operands of a product (panel.cuh).
#pragma once

#include "panel.cuh"

namespace erg::kernels::cuda {

/// Whether rows of `n` elements at `data` fall into groups of four, 16-byte aligned.
inline bool rows_of_groups(const real* data, int64_t n) {
  return n % group_words == 0 && reinterpret_cast<uintptr_t>(data) % (group_words * sizeof(real)) == 0;
}

/// For where a row begins that does not exist.
inline constexpr int64_t no_row = -group_words;

/// Element (outer, k) of a row-major [outers, depth]: A, or B transposed.
struct MatrixAlongK {
  static constexpr Order order = Order::along_k;
  static constexpr bool read_again = false;
  using Outer = int64_t;  // where the row begins
  using K = int64_t;

  const real* data;
  int64_t outers, depth;
  bool whole_groups;

  MatrixAlongK(const real* data, int64_t outers, int64_t depth)
      : data(data), outers(outers), depth(depth), whole_groups(rows_of_groups(data, depth)) {}
  ERG_HD Outer outer(int64_t i) const { return i < outers ? i * depth : no_row; }
  ERG_HD K k(int64_t i) const { return i; }
  ERG_HD void next(K& k) const { ++k; }
  ERG_HD void next_panel(K& k) const { k += k_tile; }
  ERG_HD Element element(Outer row, K k) const { return {data + (row + k), row != no_row && k < depth}; }
};

/// Element (outer, k) of a row-major [depth, outers]: B, or A transposed.
struct MatrixAlongOuter {
  static constexpr Order order = Order::along_outer;
  static constexpr bool read_again = false;
  struct Outer {
    int64_t column;
  };
  using K = int64_t;

  const real* data;
  int64_t outers, depth;
  bool whole_groups;

  MatrixAlongOuter(const real* data, int64_t outers, int64_t depth)
      : data(data), outers(outers), depth(depth), whole_groups(rows_of_groups(data, outers)) {}
  ERG_HD Outer outer(int64_t i) const { return {i}; }
  ERG_HD void next(Outer& outer) const { ++outer.column; }
  ERG_HD K k(int64_t i) const { return i; }
  ERG_HD void next(K& k) const { ++k; }
  ERG_HD void next_panel(K& k) const { k += k_tile; }
  ERG_HD Element element(Outer outer, K k) const {
    return {data + (k * outers + outer.column), outer.column < outers && k < depth};
  }
};

}  // namespace erg::kernels::cuda
