// map(f, x...): an elementwise operation from a functor of the catalogue, recorded with its derivatives.
//
// This is the whole differentiation of elementwise operations: the VJP of a functor is a map of its derivative functor
// (kernels/functors.h), and so is that one's.
#pragma once

#include <array>

#include "../kernels/map.h"
#include "ops.h"
#include "tape.h"

namespace erg {

/// How inputs of these shapes are walked to fill an output of shape `out`, adjacent dimensions merged where possible.
kernels::MapShape map_shape(const Shape& out, std::span<const Tensor> inputs);

namespace detail {

template <class F>
using Inputs = std::array<Tensor, F::arity>;

template <class F>
Tensor launch_map(const F& f, const Inputs<F>& x) {
  Shape shape = x[0].shape();
  for (size_t i = 1; i < x.size(); ++i) shape = broadcast(F::name, shape, x[i].shape());
  Tensor y = Tensor::empty(shape, x[0].device());
  const real* in[F::arity];
  for (size_t i = 0; i < x.size(); ++i) in[i] = x[i].data();
  kernels::map(stream_of(y), f, map_shape(shape, x), in, y.mutate());
  return y;
}

template <class P, int M>
Tensor map_product(const functors::Product<M, P>& f, const Inputs<functors::Product<M, P>>& x);

/// Values kept for a VJP, and the same values back with a cotangent put in front or in one's place.
template <size_t n>
struct SavedInputs {
  std::array<Saved, n> saved;
  template <size_t... K>
  SavedInputs(const std::array<Tensor, n>& x, std::index_sequence<K...>) : saved{Saved(x[K])...} {}
  explicit SavedInputs(const std::array<Tensor, n>& x) : SavedInputs(x, std::make_index_sequence<n>{}) {}

  std::array<Tensor, n + 1> after(const Tensor& g) const {
    std::array<Tensor, n + 1> all{g};
    for (size_t i = 0; i < n; ++i) all[i + 1] = saved[i]();
    return all;
  }
  std::array<Tensor, n> with(int k, const Tensor& g) const {
    std::array<Tensor, n> all;
    for (size_t i = 0; i < n; ++i) all[i] = int(i) == k ? g : saved[i]();
    return all;
  }
};

/// The VJP of f in input I.
template <int I, class F>
auto vjp_of(const F& f, const Inputs<F>& x, const Tensor& y) {
  using functors::Product;
  const Shape shape = x[I].shape();
  if constexpr (functors::has_slope<F>) {
    using D = Product<1, functors::Slope<F>>;
    // A mask is constant: only smooth slopes are followed to second order.
    return From{x[I], [f, y = Saved(functors::is_piecewise_linear<F> ? y.detach() : y)](const Tensor& g) {
                  return map_product(D{{f}}, {g, y()});
                }};
  } else {
    using D = Product<1, functors::Partial<F, I>>;
    return From{x[I], [f, shape, x = SavedInputs(x)](const Tensor& g) {
                  return sum_to(map_product(D{{f}}, x.after(g)), shape);
                }};
  }
}

/// The VJP of g_1 * ... * g_M * P(x...) in argument I: the same functor for a g, the next derivative for an x.
template <int I, int M, class P>
auto vjp_of_product(const functors::Product<M, P>& f, const Inputs<functors::Product<M, P>>& x) {
  using functors::Product;
  const Shape shape = x[I].shape();
  if constexpr (I < M) {
    Inputs<Product<M, P>> others = x;
    others[I] = {};
    return From{x[I], [f, shape, others = SavedInputs(others)](const Tensor& g) {
                  return sum_to(map_product(f, others.with(I, g)), shape);
                }};
  } else if constexpr (P::order < 2 && !functors::is_piecewise_linear<P>) {
    using D = Product<M + 1, functors::Partial<P, I - M>>;
    return From{x[I], [f, shape, x = SavedInputs(x)](const Tensor& g) {
                  return sum_to(map_product(D{{f.p}}, x.after(g)), shape);
                }};
  } else {
    return From{x[I], [](const Tensor&) -> Tensor {
                  throw std::logic_error("third derivatives of elementwise operations are not compiled");
                }};
  }
}

template <class P, int M>
Tensor map_product(const functors::Product<M, P>& f, const Inputs<functors::Product<M, P>>& x) {
  using F = functors::Product<M, P>;
  return [&]<int... I>(std::integer_sequence<int, I...>) {
    Tensor y = launch_map(f, x);
    // A piecewise linear function's derivative does not depend on where in a piece one stands: only the g have edges.
    return record(F::name, y, vjp_of_product<I>(f, x)...);
  }
  (std::make_integer_sequence < int, functors::is_piecewise_linear<P> ? M : F::arity > {});
}

}  // namespace detail

/// y = f(x...), inputs broadcast against each other. Throws std::invalid_argument if they do not broadcast.
template <class F, class... X>
Tensor map(const F& f, const X&... x) {
  static_assert(sizeof...(X) == F::arity);
  const detail::Inputs<F> inputs{x...};
  return [&]<int... I>(std::integer_sequence<int, I...>) {
    Tensor y = detail::launch_map(f, inputs);
    return record(F::name, y, detail::vjp_of<I>(f, inputs, y)...);
  }
  (std::make_integer_sequence<int, F::arity>{});
}

}  // namespace erg
