// Sums along an axis, in a fixed order: the common ground of sum_axis and batch_norm.
//
// [outer, axis, inner] is read as `outer` matrices whose columns are summed. A narrow matrix (inner < 16) is folded: as
// many rows as make a multiple of 16 columns, 256 at most, are read as one wide row, so that the loop over columns
// fills vector registers, and these phases of a column are added at the end. Work is cut into tiles of columns, and
// where there are too few of them to keep threads busy, into parts of the axis. Both cuts depend on the shape alone.
//
// Accuracy: blocks of 64 rows are summed in `real`, eight rows at a time as a tree; whatever is added across blocks,
// parts and phases is added in double. The rounding error is thereby that of a block, however long the axis.
//
//   NAME.inl, per instruction set:  add_block(block, Term{...}, totals)        one block into the totals
//   NAME.cpp:                       column_totals<Q>(shape, accumulate, finish)  folds, tiles, parts and threads
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "../reduce.h"
#include "isa.h"
#include "parallel.h"

namespace erg::kernels::cpu {

inline constexpr int block_rows = 64;
inline constexpr int tile_columns = 256;
inline constexpr int fold_columns = 16;
inline constexpr int max_parts = 16;
/// Elements below which starting another thread does not pay.
inline constexpr int64_t part_elements = 32768;

/// The elements of a matrix as they are: the plainest Term. A Term maps (row, column) to a number, and is always
/// inlined.
struct Entry {
  const real* x;
  int64_t stride;
  ERG_HD real operator()(int64_t row, int column) const { return x[row * stride + column]; }
};

/// sums[c] = sum of term(r, c) over first <= r < last, for c < width. For short ranges: one running sum a column.
template <class Term>
ERG_HD void block_sums(int64_t first, int64_t last, int width, const Term& term, real* __restrict sums) {
  for (int c = 0; c < width; ++c) sums[c] = 0;
  int64_t r = first;
  for (; r + 8 <= last; r += 8)
    for (int c = 0; c < width; ++c)
      sums[c] += ((term(r, c) + term(r + 1, c)) + (term(r + 2, c) + term(r + 3, c))) +
                 ((term(r + 4, c) + term(r + 5, c)) + (term(r + 6, c) + term(r + 7, c)));
  for (; r < last; ++r)
    for (int c = 0; c < width; ++c) sums[c] += term(r, c);
}

/// At most 64 rows and 256 columns of one of the matrices.
struct Block {
  int64_t matrix, first_row, last_row, first_column;
  int width;
};

/// totals[c] += sum of term(r, c) over the rows of a block, for every column c of it, counted from 0.
template <class Term>
ERG_HD void add_block(const Block& b, const Term& term, double* __restrict totals) {
  real sums[tile_columns];
  block_sums(b.first_row, b.last_row, b.width, term, sums);
  for (int c = 0; c < b.width; ++c) totals[c] += double(sums[c]);
}

/// How [outer, axis, inner] is read: `outer` matrices of [rows, columns], each row `fold` rows of the axis side by
/// side; what is left of the axis is a last row that is shorter.
struct FoldedShape {
  int64_t outer, inner, fold, rows, columns, last_row_columns, tiles;

  explicit FoldedShape(const AxisShape& s) : outer(s.outer), inner(s.inner) {
    fold = inner < fold_columns ? fold_columns / std::gcd<int64_t>(fold_columns, inner) : 1;
    // Long loops over columns, where there are many rows to share the sum of the phases.
    while (fold > 1 && 2 * fold * inner <= tile_columns && s.axis / fold >= 4 * block_rows) fold *= 2;
    rows = s.axis / fold;
    columns = inner * fold;
    last_row_columns = s.axis % fold * inner;
    tiles = (columns + tile_columns - 1) / tile_columns;
  }

  /// Into how many parts the rows are cut: more than one only if the tiles alone are few and the work is large.
  int64_t parts() const {
    const int64_t wanted = std::min(max_parts / (outer * tiles), outer * rows * columns / part_elements);
    return std::max<int64_t>(1, std::min(wanted, rows / block_rows));
  }
  /// Parts begin where blocks do.
  int64_t part_begin(int64_t part, int64_t parts) const {
    const int64_t blocks = (rows + block_rows - 1) / block_rows;
    return std::min(rows, part * blocks / parts * block_rows);
  }
};

/// Sums one part of the rows of one tile of columns; tasks are (matrix, tile). Quantity q of column c of the tile goes
/// to totals[q * tile_columns + c].
template <int Q, class Accumulate>
void sum_part(const FoldedShape& s, int64_t task, int64_t part, int64_t parts, const Accumulate& accumulate,
              double* totals) {
  const int64_t matrix = task / s.tiles, column = task % s.tiles * tile_columns;
  const int width = int(std::min<int64_t>(tile_columns, s.columns - column));
  for (int q = 0; q < Q; ++q) std::fill_n(totals + q * tile_columns, width, 0.0);
  const int64_t last = s.part_begin(part + 1, parts);
  for (int64_t r = s.part_begin(part, parts); r < last; r += block_rows)
    accumulate(Block{matrix, r, std::min(last, r + block_rows), column, width}, totals);
  if (part == parts - 1 && s.last_row_columns > 0)
    accumulate(Block{matrix, s.rows, s.rows + 1, 0, int(s.last_row_columns)}, totals);
}

/// Adds the parts and the phases of one task, whose parts' totals lie one after another, and hands them to finish.
template <int Q, class Finish>
void finish_task(const FoldedShape& s, int64_t task, int64_t parts, const double* totals, const Finish& finish) {
  const int64_t column = task % s.tiles * tile_columns;
  const int64_t width = std::min<int64_t>(tile_columns, s.inner - column);
  for (int64_t c = 0; c < width; ++c) {
    double total[Q] = {};
    for (int64_t part = 0; part < parts; ++part)
      for (int64_t q = 0; q < Q; ++q)
        for (int64_t phase = 0; phase < s.fold; ++phase)
          total[q] += totals[(part * Q + q) * tile_columns + phase * s.inner + c];
    finish(task / s.tiles, column + c, total);
  }
}

/// Calls finish(o, i, total) for every matrix o and column i of [outer, axis, inner], with Q totals over the axis.
/// accumulate(block, totals) adds the sums of a block: quantity q of its column c goes to totals[q * tile_columns + c].
/// Both are called from any thread.
template <int Q, class Accumulate, class Finish>
void column_totals(const AxisShape& shape, const Accumulate& accumulate, const Finish& finish) {
  if (shape.outer * shape.inner == 0) return;
  isa();  // throws, if at all, here and not on another thread
  constexpr int slot = Q * tile_columns;
  const FoldedShape s(shape);
  const int64_t tasks = s.outer * s.tiles, parts = s.parts();
  if (parts == 1) {
    const int64_t task_elements = std::max<int64_t>(1, shape.axis * std::min<int64_t>(tile_columns, s.inner));
    parallel_for(tasks, std::max<int64_t>(1, part_elements / task_elements), [&](int64_t begin, int64_t end) {
      double totals[slot];
      for (int64_t task = begin; task < end; ++task) {
        sum_part<Q>(s, task, 0, 1, accumulate, totals);
        finish_task<Q>(s, task, 1, totals, finish);
      }
    });
    return;
  }
  double totals[max_parts * slot];
  parallel_for(tasks * parts, 1, [&](int64_t t, int64_t) {
    // Neighbouring tiles follow each other, so that threads read neighbouring memory.
    const int64_t task = t % tasks, part = t / tasks;
    sum_part<Q>(s, task, part, parts, accumulate, totals + (task * parts + part) * slot);
  });
  for (int64_t task = 0; task < tasks; ++task) finish_task<Q>(s, task, parts, totals + task * parts * slot, finish);
}

}  // namespace erg::kernels::cpu
