#include "shape.h"

#include <algorithm>
#include <stdexcept>

namespace erg {

Shape::Shape(std::initializer_list<int64_t> dims) {
  for (int64_t d : dims) push_back(d);
}

void Shape::push_back(int64_t extent) {
  if (rank_ == max_rank)
    throw std::invalid_argument("[shape] at most four dimensions, got a fifth after " + to_string(*this));
  if (extent < 0) throw std::invalid_argument("[shape] extent " + std::to_string(extent) + " is negative");
  dims_[rank_++] = extent;
}

bool Shape::operator==(const Shape& other) const { return std::equal(begin(), end(), other.begin(), other.end()); }

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (int64_t d : shape) (text += text.size() > 1 ? "," : "") += std::to_string(d);
  return text += "]";
}

Shape broadcast(const char* op, const Shape& a, const Shape& b) {
  Shape out = a.rank() >= b.rank() ? a : b;
  for (int i = 1; i <= std::min(a.rank(), b.rank()); ++i) {
    if (a[-i] != b[-i] && a[-i] != 1 && b[-i] != 1)
      throw std::invalid_argument("[" + std::string(op) + "] " + to_string(a) + " and " + to_string(b) +
                                  " do not broadcast");
    out[-i] = a[-i] == 1 ? b[-i] : a[-i];
  }
  return out;
}

}  // namespace erg
