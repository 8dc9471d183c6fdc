// The elementwise catalogue. A formula stands here once; from it come the kernels on both devices, the operation of
// that name in engine/ops.h, its first and second derivatives, its test rows and its benchmark rows.
//
// How a formula is differentiated:
//   Partial<F, I>  the derivative of F in its I-th input, by running F on dual numbers;
//   Slope<F>       the derivative of F written in terms of its output y, where that is simpler (1 - y*y for tanh):
//                  the tape then keeps y, which lives anyway, and not x;
//   Product<M, P>  g_1 * ... * g_M * P(x...): what a vector-Jacobian product of order M computes. It is linear in each
//                  g, so differentiating in a g is the same functor again, and only differentiating in an x is new.
// A functor's `order` counts how often it was differentiated; two is the end of the catalogue.
#pragma once

#include <utility>

#include "dual.h"

/// Elementwise formulas and their derivatives.
namespace erg::functors {

// Smooth functions, differentiated through their input.      functor, operation, formula in x
#define ERG_SMOOTH_FUNCTORS(X)       \
  X(Log, log, log(x))                \
  X(Log1p, log1p, log1p(x))          \
  X(Softplus, softplus, softplus(x)) \
  X(Silu, silu, x* sigmoid(x))       \
  X(Square, square, x* x)            \
  X(Sin, sin, sin(x))                \
  X(Cos, cos, cos(x))

// Smooth functions, differentiated through their output.     functor, operation, formula in x, derivative in y
#define ERG_OUTPUT_FUNCTORS(X)                  \
  X(Exp, exp, exp(x), y)                        \
  X(Sqrt, sqrt, sqrt(x), T(0.5) / y)            \
  X(Tanh, tanh, tanh(x), T(1) - y * y)          \
  X(Sigmoid, sigmoid, sigmoid(x), y*(T(1) - y)) \
  X(Reciprocal, reciprocal, T(1) / x, -(y * y))

// The rest is written out below: functors with parameters or with two inputs. The last list needs no derivatives here,
// because the VJPs of these are made of each other (engine/ops/arithmetic.cpp).
#define ERG_PARAMETRIC_FUNCTORS(X) X(Elu)
#define ERG_PIECEWISE_UNARY_FUNCTORS(X) X(Relu) X(LeakyRelu) X(Abs) X(Clamp)
#define ERG_PIECEWISE_BINARY_FUNCTORS(X) X(Maximum) X(Minimum)
#define ERG_ARITHMETIC_FUNCTORS(X) X(Affine) X(Add) X(Sub) X(Mul) X(Div)

#define ERG_FUNCTOR(operation, inputs)            \
  static constexpr int arity = inputs, order = 0; \
  static constexpr const char* name = #operation;

#define ERG_DEFINE(functor, operation, formula) \
  struct functor {                              \
    ERG_FUNCTOR(operation, 1)                   \
    template <class T>                          \
    ERG_HD T operator()(T x) const {            \
      using namespace math;                     \
      return formula;                           \
    }                                           \
  };
ERG_SMOOTH_FUNCTORS(ERG_DEFINE)
#undef ERG_DEFINE

#define ERG_DEFINE(functor, operation, formula, derivative) \
  struct functor {                                          \
    ERG_FUNCTOR(operation, 1)                               \
    template <class T>                                      \
    ERG_HD T operator()(T x) const {                        \
      using namespace math;                                 \
      return formula;                                       \
    }                                                       \
    template <class T>                                      \
    ERG_HD T slope(T y) const {                             \
      return derivative;                                    \
    }                                                       \
  };
ERG_OUTPUT_FUNCTORS(ERG_DEFINE)
#undef ERG_DEFINE

// Piecewise linear functions say so: their second derivative is zero wherever it exists, and no tape need follow it.

/// max(x, 0)
struct Relu {
  ERG_FUNCTOR(relu, 1)
  static constexpr bool piecewise_linear = true;
  // clang-format off
  template <class T> ERG_HD T operator()(T x) const { return x < T(0) ? T(0) : x; }  // NaN stays NaN
  template <class T> ERG_HD T slope(T y) const { return y > T(0) ? T(1) : T(0); }
  // clang-format on
};

/// x above zero, negative_slope * x below.
struct LeakyRelu {
  real negative_slope;  // > 0, so that the sign of the output is the sign of the input
  ERG_FUNCTOR(leaky_relu, 1)
  static constexpr bool piecewise_linear = true;
  // clang-format off
  template <class T> ERG_HD T operator()(T x) const { return x < T(0) ? T(negative_slope) * x : x; }
  template <class T> ERG_HD T slope(T y) const { return y < T(0) ? T(negative_slope) : T(1); }
  // clang-format on
};

/// x for x > 0, exp(x) - 1 otherwise.
struct Elu {
  ERG_FUNCTOR(elu, 1)
  template <class T>
  ERG_HD T operator()(T x) const {
    using namespace math;
    return x > T(0) ? x : exp(x) - T(1);
  }
  template <class T>
  ERG_HD T slope(T y) const {
    return y > T(0) ? T(1) : y + T(1);
  }
};

/// |x|
struct Abs {
  ERG_FUNCTOR(abs, 1)
  static constexpr bool piecewise_linear = true;
  // clang-format off
  template <class T> ERG_HD T operator()(T x) const { return x < T(0) ? -x : x; }
  // clang-format on
};

/// min(max(x, low), high)
struct Clamp {
  real low, high;
  ERG_FUNCTOR(clamp, 1)
  static constexpr bool piecewise_linear = true;
  template <class T>
  ERG_HD T operator()(T x) const {
    return x < T(low) ? T(low) : x > T(high) ? T(high) : x;
  }
};

/// scale * x + shift
struct Affine {
  real scale, shift;
  ERG_FUNCTOR(affine, 1)
  // clang-format off
  template <class T> ERG_HD T operator()(T x) const { return T(scale) * x + T(shift); }
  // clang-format on
};

// clang-format off
/// x + y, x - y, x * y, x / y
struct Add { ERG_FUNCTOR(add, 2) template <class T> ERG_HD T operator()(T x, T y) const { return x + y; } };
struct Sub { ERG_FUNCTOR(sub, 2) template <class T> ERG_HD T operator()(T x, T y) const { return x - y; } };
struct Mul { ERG_FUNCTOR(mul, 2) template <class T> ERG_HD T operator()(T x, T y) const { return x * y; } };
struct Div { ERG_FUNCTOR(div, 2) template <class T> ERG_HD T operator()(T x, T y) const { return x / y; } };
// clang-format on

/// The larger of x and y.
struct Maximum {
  ERG_FUNCTOR(maximum, 2)
  static constexpr bool piecewise_linear = true;
  // clang-format off
  template <class T> ERG_HD T operator()(T x, T y) const { return x < y ? y : x; }
  // clang-format on
};

/// The smaller of x and y.
struct Minimum {
  ERG_FUNCTOR(minimum, 2)
  static constexpr bool piecewise_linear = true;
  // clang-format off
  template <class T> ERG_HD T operator()(T x, T y) const { return y < x ? y : x; }
  // clang-format on
};

/// The derivative of F in input I, as a function of the inputs.
template <class F, int I>
struct Partial {
  F f;
  static constexpr int arity = F::arity, order = F::order + 1;
  static constexpr const char* name = F::name;
  template <class... T>
  ERG_HD auto operator()(T... x) const {
    return seed(std::make_integer_sequence<int, sizeof...(T)>{}, x...);
  }

 private:
  template <int... K, class... T>
  ERG_HD auto seed(std::integer_sequence<int, K...>, T... x) const {
    return f(math::Dual<T>(x, T(K == I ? 1 : 0))...).d;
  }
};

/// The derivative of F as a function of its output.
template <class F>
struct Slope {
  F f;
  static constexpr int arity = 1, order = F::order + 1;
  static constexpr const char* name = F::name;
  // clang-format off
  template <class T> ERG_HD T operator()(T y) const { return f.slope(y); }
  // clang-format on
};

/// (g_1, ..., g_M, x...) -> g_1 * ... * g_M * P(x...)
template <int M, class P>
struct Product {
  P p;
  static constexpr int arity = M + P::arity, order = P::order;
  static constexpr const char* name = P::name;

  template <class T, class... Rest>
  ERG_HD T operator()(T first, Rest... rest) const {
    if constexpr (sizeof...(Rest) < size_t(P::arity))
      return p(first, rest...);
    else if constexpr (M == 1)
      return first * p(rest...);
    else
      return first * Product<M - 1, P>{p}(rest...);
  }
};

/// Whether F says its derivative in terms of its output.
template <class F>
inline constexpr bool has_slope = requires(const F& f, real y) {
  f.slope(y);
};

/// Whether F says that its second derivative is zero.
template <class F>
inline constexpr bool is_piecewise_linear = requires {
  F::piecewise_linear;
};
template <class F>
inline constexpr bool is_piecewise_linear<Slope<F>> = is_piecewise_linear<F>;
template <class F, int I>
inline constexpr bool is_piecewise_linear<Partial<F, I>> = is_piecewise_linear<F>;

/// What a VJP multiplies the cotangent with: Slope<F> of the output if F has one, else Partial<F, I> of the inputs.
template <class F, int I, bool through_output = has_slope<F>>
struct Derivative {
  /// The derivative through the inputs.
  using type = Partial<F, I>;
};
/// Where F has a slope.
template <class F, int I>
struct Derivative<F, I, true> {
  /// The derivative through the output.
  using type = Slope<F>;
};

/// What the derivatives of F are computed by: g * dF/dx_I, and g_1 * g_2 * d2F/dx_I dx_J.
template <class F, int I>
using FirstVjp = Product<1, typename Derivative<F, I>::type>;
template <class F, int I, int J>
using SecondVjp = Product<2, Partial<typename Derivative<F, I>::type, J>>;

}  // namespace erg::functors
