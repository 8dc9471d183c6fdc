// Dual numbers: v + d*eps with eps^2 = 0. A function written for any number type T, run on Dual<T>{x, 1}, returns its
// value in v and its derivative in d; on Dual<Dual<T>>, its second derivative as well. This is how an elementwise
// formula (functors.h) is written once and differentiated once, for both devices.
#pragma once

#include <type_traits>

#include "math.h"

namespace erg::math {

template <class T>
struct Dual {
  T v, d;

  ERG_HD Dual() {}
  /// A value and its derivative.
  ERG_HD Dual(T value, T derivative) : v(value), d(derivative) {}
  /// A constant.
  template <class C>
  requires std::is_arithmetic_v<C> ERG_HD explicit Dual(C c) : v(T(c)), d(T(0)) {}
};

// clang-format off
/// Sum, product and quotient rules.
template <class T> ERG_HD Dual<T> operator-(Dual<T> a) { return {-a.v, -a.d}; }
template <class T> ERG_HD Dual<T> operator+(Dual<T> a, Dual<T> b) { return {a.v + b.v, a.d + b.d}; }
template <class T> ERG_HD Dual<T> operator-(Dual<T> a, Dual<T> b) { return {a.v - b.v, a.d - b.d}; }
template <class T> ERG_HD Dual<T> operator*(Dual<T> a, Dual<T> b) { return {a.v * b.v, a.d * b.v + a.v * b.d}; }
template <class T> ERG_HD Dual<T> operator/(Dual<T> a, Dual<T> b) { T q = a.v / b.v; return {q, (a.d - q * b.d) / b.v}; }

/// Numbers compare by their values.
template <class T> ERG_HD bool operator<(Dual<T> a, Dual<T> b) { return a.v < b.v; }
template <class T> ERG_HD bool operator>(Dual<T> a, Dual<T> b) { return a.v > b.v; }

/// The chain rule.
template <class T> ERG_HD Dual<T> exp(Dual<T> a) { T e = exp(a.v); return {e, a.d * e}; }
template <class T> ERG_HD Dual<T> log(Dual<T> a) { return {log(a.v), a.d / a.v}; }
template <class T> ERG_HD Dual<T> log1p(Dual<T> a) { return {log1p(a.v), a.d / (T(1) + a.v)}; }
template <class T> ERG_HD Dual<T> tanh(Dual<T> a) { T t = tanh(a.v); return {t, a.d * (T(1) - t * t)}; }
template <class T> ERG_HD Dual<T> sqrt(Dual<T> a) { T r = sqrt(a.v); return {r, a.d * T(0.5) / r}; }
template <class T> ERG_HD Dual<T> sigmoid(Dual<T> a) { T s = sigmoid(a.v); return {s, a.d * s * (T(1) - s)}; }
template <class T> ERG_HD Dual<T> softplus(Dual<T> a) { return {softplus(a.v), a.d * sigmoid(a.v)}; }
template <class T> ERG_HD Dual<T> sin(Dual<T> a) { return {sin(a.v), a.d * cos(a.v)}; }
template <class T> ERG_HD Dual<T> cos(Dual<T> a) { return {cos(a.v), -a.d * sin(a.v)}; }
// clang-format on

}  // namespace erg::math
