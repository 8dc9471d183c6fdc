// Addition, subtraction, multiplication, division: their VJPs are made of each other, so any order of derivative exists
// and a sum keeps nothing but shapes.
#include "../map.h"

namespace erg {

Tensor add(const Tensor& a, const Tensor& b) {
  Tensor y = detail::launch_map(functors::Add{}, {a, b});
  return record("add", y,  //
                From{a, [shape = a.shape()](const Tensor& g) { return sum_to(g, shape); }},
                From{b, [shape = b.shape()](const Tensor& g) { return sum_to(g, shape); }});
}

Tensor sub(const Tensor& a, const Tensor& b) {
  Tensor y = detail::launch_map(functors::Sub{}, {a, b});
  return record("sub", y,  //
                From{a, [shape = a.shape()](const Tensor& g) { return sum_to(g, shape); }},
                From{b, [shape = b.shape()](const Tensor& g) { return sum_to(-g, shape); }});
}

Tensor mul(const Tensor& a, const Tensor& b) {
  Tensor y = detail::launch_map(functors::Mul{}, {a, b});
  return record("mul", y,  //
                From{a, [shape = a.shape(), b = Saved(b)](const Tensor& g) { return sum_to(g * b(), shape); }},
                From{b, [shape = b.shape(), a = Saved(a)](const Tensor& g) { return sum_to(g * a(), shape); }});
}

// y = a / b:  da = g / b,  db = -g y / b
Tensor div(const Tensor& a, const Tensor& b) {
  Tensor y = detail::launch_map(functors::Div{}, {a, b});
  return record("div", y,  //
                From{a, [shape = a.shape(), b = Saved(b)](const Tensor& g) { return sum_to(g / b(), shape); }},
                From{b, [shape = b.shape(), b = Saved(b), y = Saved(y)](const Tensor& g) {
                       return sum_to(-(g * y() / b()), shape);
                     }});
}

Tensor affine(const Tensor& x, real scale, real shift) {
  Tensor y = detail::launch_map(functors::Affine{scale, shift}, {x});
  return record("affine", y, From{x, [scale](const Tensor& g) { return affine(g, scale, 0); }});
}

}  // namespace erg
