// Strided copies on the CPU. A box in canonical form is a stack of planes [rows, columns], and a plane is one of: runs
// (memcpy), short runs (a few elements at a time), a transpose (in squares, so that both sides use whole cache lines),
// or a plain strided loop.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "../canonical_box.h"
#include "parallel.h"

namespace erg::kernels::cpu {

namespace {

constexpr int64_t task_elements = 32768;

using Dimension = CanonicalBox::Dimension;

/// A part of a plane.
struct Plane {
  int64_t rows, columns;
  Dimension row, column;  // strides only
};

/// Runs of `length` elements; with a constant length, the copy is a few instructions.
template <int length>
void copy_short_runs(const Plane& p, const real* x, real* y) {
  for (int64_t r = 0; r < p.rows; ++r) std::memcpy(y + r * p.row.to, x + r * p.row.from, length * sizeof(real));
}

void copy_runs(const Plane& p, const real* x, real* y) {
  switch (p.columns) {
    case 1: return copy_short_runs<1>(p, x, y);
    case 2: return copy_short_runs<2>(p, x, y);
    case 3: return copy_short_runs<3>(p, x, y);
    case 4: return copy_short_runs<4>(p, x, y);
    default:
      for (int64_t r = 0; r < p.rows; ++r) std::memcpy(y + r * p.row.to, x + r * p.row.from, p.columns * sizeof(real));
  }
}

void copy_strided(const Plane& p, const real* x, real* y) {
  for (int64_t r = 0; r < p.rows; ++r)
    for (int64_t c = 0; c < p.columns; ++c) y[r * p.row.to + c * p.column.to] = x[r * p.row.from + c * p.column.from];
}

/// A strided copy in squares of 16 x 16, so that a cache line read for one row serves the next ones too.
void copy_in_squares(const Plane& p, const real* x, real* y) {
  constexpr int64_t side = 16;
  for (int64_t r = 0; r < p.rows; r += side)
    for (int64_t c = 0; c < p.columns; c += side)
      copy_strided({std::min(side, p.rows - r), std::min(side, p.columns - c), p.row, p.column},
                   x + r * p.row.from + c * p.column.from, y + r * p.row.to + c * p.column.to);
}

void copy_plane(const Plane& p, const real* x, real* y) {
  if (p.column.from == 1 && p.column.to == 1) return copy_runs(p, x, y);
  if (p.rows > 1 && std::abs(p.row.from) < std::abs(p.column.from)) return copy_in_squares(p, x, y);
  copy_strided(p, x, y);
}

}  // namespace

void copy_box(const Stream&, const BoxShape& s, const real* x, real* y) {
  const CanonicalBox box(s);
  const Dimension &outermost = box.d[0], &outer = box.d[1], &row = box.d[2], &column = box.d[3];
  const int64_t planes = outermost.size * outer.size;
  if (box.size() == 0) return;

  // A task is a band of rows of a plane, or a piece of one long row.
  const int64_t width = std::min(column.size, task_elements), height = std::min(row.size, task_elements / width);
  const int64_t across = (column.size + width - 1) / width, down = (row.size + height - 1) / height;
  parallel_for(planes * down * across, task_elements / (width * height), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t plane = task / (down * across), r = task / across % down * height, c = task % across * width;
      const int64_t i = plane / outer.size, j = plane % outer.size;
      copy_plane({std::min(height, row.size - r), std::min(width, column.size - c), row, column},
                 x + i * outermost.from + j * outer.from + r * row.from + c * column.from,
                 y + i * outermost.to + j * outer.to + r * row.to + c * column.to);
    }
  });
}

void fill(const Stream&, int64_t n, real value, real* y) {
  parallel_for(n, task_elements, [&](int64_t begin, int64_t end) { std::fill(y + begin, y + end, value); });
}

}  // namespace erg::kernels::cpu
