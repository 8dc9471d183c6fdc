// The canonical form of a strided copy, from which both devices choose how to go about it.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "copy.h"

namespace erg::kernels {

/// A box as a stack of planes [rows, columns] = [d[2], d[3]]. The dimension with the smallest stride in y is innermost,
/// dimensions that lie end to end on both sides are merged, and those left over in front have size 1.
struct CanonicalBox {
  /// How far it goes, and by which strides in x and y.
  struct Dimension {
    int64_t size = 1, from = 0, to = 0;
  };
  Dimension d[4];

  /// That form of any box.
  explicit CanonicalBox(const BoxShape& s) {
    Dimension sorted[4];
    for (int i = 0; i < 4; ++i) sorted[i] = {s.dims[i], s.from[i], s.to[i]};
    std::stable_sort(sorted, sorted + 4, [](const Dimension& a, const Dimension& b) {
      // Size 1 first, where it does no harm; then from the widest stride in y to the narrowest.
      if ((a.size == 1) != (b.size == 1)) return a.size == 1;
      return std::abs(a.to) > std::abs(b.to);
    });
    int innermost = 3;
    d[3] = sorted[3];
    for (int i = 2; i >= 0; --i) {
      if (sorted[i].size == 1) continue;
      Dimension& inner = d[innermost];
      if (sorted[i].from == inner.size * inner.from && sorted[i].to == inner.size * inner.to) {
        inner.size *= sorted[i].size;
      } else {
        d[--innermost] = sorted[i];
      }
    }
    bring_reads_together();
  }

  /// The plane's two dimensions.
  const Dimension& row() const { return d[2]; }
  const Dimension& column() const { return d[3]; }
  /// Number of elements.
  int64_t size() const { return d[0].size * d[1].size * d[2].size * d[3].size; }
  /// Whether the columns of a row lie side by side in x and in y.
  bool has_runs() const { return column().from == 1 && column().to == 1; }
  /// Whether x is read in narrower steps along the rows than along the columns.
  bool is_transposed() const { return row().size > 1 && std::abs(row().from) < std::abs(column().from); }

 private:
  /// Makes the dimension with the narrowest stride in x the rows of the plane; runs need no such help.
  void bring_reads_together() {
    if (has_runs()) return;
    int narrowest = 2;
    for (int i = 0; i < 2; ++i)
      if (d[i].size > 1 && std::abs(d[i].from) < std::abs(d[narrowest].from)) narrowest = i;
    std::swap(d[narrowest], d[2]);
  }
};

}  // namespace erg::kernels
