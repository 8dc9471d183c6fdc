// From an element's number to its place in a box of several dimensions, without the thirty instructions and more of an
// integer division. An Index is int32_t, or int64_t for what is too large for it: arithmetic of 64 bits takes several
// times as long.
#pragma once

#include <concepts>
#include <limits>
#include <type_traits>

#include "../stream.h"

namespace erg::kernels::cuda {

/// Whether numbers of 0 to n fit an Index.
template <class Index>
constexpr bool fits(int64_t n) {
  return n <= std::numeric_limits<Index>::max();
}

/// Divides numbers n >= 0 by one that is known beforehand: a multiplication and a shift (Granlund & Montgomery 1994,
/// "Division by invariant integers using multiplication", theorem 4.2).
///
/// With b bits in an Index and 2^shift >= value, the multiplier is 2^(b-1+shift) / value rounded up: times value it is
/// too large by at most 2^shift. For n < 2^(b-1) the quotient is therefore too large by less than 1 / value before it
/// is rounded down, which changes nothing.
template <std::signed_integral Index>
class Divisor {
  using Word = std::make_unsigned_t<Index>;
  using Product = std::conditional_t<sizeof(Index) == 4, uint64_t, unsigned __int128>;
  static constexpr int bits = 8 * sizeof(Index);

 public:
  Divisor() = default;
  /// value >= 1.
  explicit Divisor(int64_t value) : value_(Index(value)) {
    while (Word(1) << shift_ < Word(value)) ++shift_;
    multiplier_ = Word((Product(1) << (bits - 1 + shift_)) / Word(value) + 1);
  }

  ERG_HD Index value() const { return value_; }
  ERG_HD Index quotient(Index n) const { return Index(Word(Product(2 * Word(n)) * multiplier_ >> bits) >> shift_); }

 private:
  Index value_ = 1;
  Word multiplier_ = (Word(1) << (bits - 1)) + 1;
  int shift_ = 0;
};

/// A box whose elements are numbered in row-major order: the last dimension runs fastest.
///
/// Up to max_rank dimensions; where there are fewer, the outermost is dimension 0 all the same and those after it are
/// left out, so that an array indexed by dimension is indexed by constants and stays in registers.
template <class Index, int max_rank>
struct RowMajor {
  int absent = max_rank - 1;        // dimensions 1 to `absent` are left out
  Divisor<Index> extent[max_rank];  // 0 has none: nothing is divided by it

  RowMajor() = default;
  /// Of `rank` >= 1 dimensions.
  RowMajor(int rank, const int64_t* dims) : absent(max_rank - rank) {
    for (int d = 1; d < rank; ++d) extent[absent + d] = Divisor<Index>(dims[d]);
  }

  /// The dimension that the d-th of those given to the constructor is here.
  int place(int d) const { return d == 0 ? 0 : absent + d; }

  /// Calls visit(dimension, index in it) for an element.
  template <class Visit>
  ERG_HD void for_each_index(Index element, const Visit& visit) const {
    for (int d = max_rank - 1; d > 0; --d)
      if (d > absent) {
        const Index outer = extent[d].quotient(element);
        visit(d, element - outer * extent[d].value());
        element = outer;
      }
    visit(0, element);
  }

  /// Where an element lies in memory.
  ERG_HD Index position(Index element, const Index (&stride)[max_rank]) const {
    Index sum = 0;
    for_each_index(element, [&](int d, Index index) { sum += index * stride[d]; });
    return sum;
  }
};

}  // namespace erg::kernels::cuda
