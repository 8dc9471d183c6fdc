// Shapes: at most four dimensions, row-major, held inline.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace erg {

/// The extents of a tensor, outermost first. A scalar has rank 0 and one element.
class Shape {
 public:
  static constexpr int max_rank = 4;

  Shape() = default;
  /// Throws std::invalid_argument for more than four dimensions or a negative extent.
  Shape(std::initializer_list<int64_t> dims);

  /// Number of dimensions.
  int rank() const { return rank_; }
  /// Extent of dimension i; negative i counts from the last one.
  int64_t operator[](int i) const { return dims_[i < 0 ? i + rank_ : i]; }
  int64_t& operator[](int i) { return dims_[i < 0 ? i + rank_ : i]; }
  /// Extent of the last dimension.
  int64_t back() const { return dims_[rank_ - 1]; }
  /// The extents, outermost first.
  const int64_t* begin() const { return dims_.data(); }
  const int64_t* end() const { return dims_.data() + rank_; }
  /// Adds a dimension, innermost. Throws as the constructor.
  void push_back(int64_t extent);

  /// Number of elements.
  int64_t size() const {
    int64_t n = 1;
    for (int64_t d : *this) n *= d;
    return n;
  }
  /// Number of elements behind one index of the first dimension: what a sample of a batch has.
  int64_t row_size() const {
    int64_t n = 1;
    for (int i = 1; i < rank_; ++i) n *= dims_[size_t(i)];
    return n;
  }
  /// Whether ranks and extents are the same.
  bool operator==(const Shape& other) const;

 private:
  std::array<int64_t, max_rank> dims_{};
  int rank_ = 0;
};

/// "[64,28,28,1]", the form used in every error message.
std::string to_string(const Shape& shape);

/// The shape both broadcast to (NumPy's rule: aligned at the last dimension, extent 1 stretches).
/// Throws std::invalid_argument("[op] [2,3] and [4,3] do not broadcast").
Shape broadcast(const char* op, const Shape& a, const Shape& b);

}  // namespace erg
