// Elementwise kernels on the device, a few for every functor of the catalogue. All give a thread four neighbouring
// elements of the output: memory bounds them, and wide accesses feed it.
//
//   map_dense      all inputs lie like the output: an access of 16 bytes each, the formula, and an access for the
//   result; map_broadcast  inputs that lie like the output are read the same way. In any other, the four elements are
//   looked up:
//                  with one access if the last dimension comes in fours, one by one if not. Being broadcast it is small
//                  and stays in the cache, so that looking up costs instructions only (index.cuh).
#include "../map.h"

#include <algorithm>
#include <utility>

#include "index.cuh"
#include "vector.cuh"

namespace erg::kernels::cuda {

namespace {

/// Whether input i lies in memory exactly like the output.
bool is_dense(const MapShape& s, int i) {
  int64_t expected = 1;
  for (int d = s.rank - 1; d >= 0; expected *= s.dims[d--])
    if (s.dims[d] > 1 && s.strides[i][d] != expected) return false;
  return true;
}

template <int arity>
struct Inputs {
  const real* x[arity];

  explicit Inputs(const real* const* inputs) {
    for (int i = 0; i < arity; ++i) x[i] = inputs[i];
  }
};

/// How four neighbours of the output find theirs in an input.
enum class Access {
  dense,     // at the same place
  in_row,    // side by side at another place
  repeated,  // all in one place
  each       // each on its own
};

Access access_of(const MapShape& s, int i, const real* x) {
  if (is_dense(s, i)) return Access::dense;
  const int last = s.rank - 1;
  const auto in_fours = [](int64_t extent) { return extent % 4 == 0; };
  if (!in_fours(s.dims[last])) return Access::each;
  if (s.strides[i][last] == 0) return Access::repeated;
  return is_aligned(x) && std::all_of(s.strides[i], s.strides[i] + last, in_fours) ? Access::in_row : Access::each;
}

/// Finds what the inputs hold for elements of the output.
template <class Index, int arity>
struct Lookup {
  RowMajor<Index, MapShape::max_rank> output;
  Index stride[arity][MapShape::max_rank] = {};
  Access access[arity];

  Lookup(const MapShape& s, const real* const* x) : output(s.rank, s.dims) {
    for (int i = 0; i < arity; ++i) {
      access[i] = access_of(s, i, x[i]);
      for (int d = 0; d < s.rank; ++d) stride[i][output.place(d)] = Index(s.strides[i][d]);
    }
  }

  ERG_HD Four<real> load(int i, const real* x, const Part& part) const {
    if (access[i] == Access::dense) return cuda::load(x, part);
    if (access[i] == Access::each) {
      Four<real> four{};
      for (int k = 0; k < 4; ++k)
        if (part.has(k)) four.at[k] = x[output.position(Index(part.start + k), stride[i])];
      return four;
    }
    const real* first = x + output.position(Index(part.start), stride[i]);
    if (access[i] == Access::in_row) return *reinterpret_cast<const Four<real>*>(first);
    return {{*first, *first, *first, *first}};
  }
};

template <class F, int... I>
ERG_HD Four<real> apply(const F& f, const Four<real> (&x)[F::arity], std::integer_sequence<int, I...>) {
  Four<real> y;
  for (int k = 0; k < 4; ++k) y.at[k] = f(x[I].at[k]...);
  return y;
}

template <class F>
__global__ void __launch_bounds__(walk_threads) map_dense(F f, Fours fours, Inputs<F::arity> inputs, real* y) {
  for (int64_t i = thread_index(); i < fours.count(); i += thread_count()) {
    const Part part = fours.part(i);
    Four<real> x[F::arity];
    for (int j = 0; j < F::arity; ++j) x[j] = load(inputs.x[j], part);
    store(y, part, apply(f, x, std::make_integer_sequence<int, F::arity>()));
  }
}

template <class Index, class F>
__global__ void __launch_bounds__(walk_threads)
    map_broadcast(F f, Fours fours, Inputs<F::arity> inputs, Lookup<Index, F::arity> lookup, real* y) {
  for (int64_t i = thread_index(); i < fours.count(); i += thread_count()) {
    const Part part = fours.part(i);
    Four<real> x[F::arity];
    for (int j = 0; j < F::arity; ++j) x[j] = lookup.load(j, inputs.x[j], part);
    store(y, part, apply(f, x, std::make_integer_sequence<int, F::arity>()));
  }
}

}  // namespace

template <class F>
void map(const Stream& stream, const F& f, const MapShape& s, const real* const* x, real* y) {
  static_assert(F::arity <= MapShape::max_inputs);
  if (s.size() == 0) return;
  bool all_dense = true, aligned = is_aligned(y);
  for (int i = 0; i < F::arity; ++i) {
    const bool dense = is_dense(s, i);
    all_dense = all_dense && dense;
    aligned = aligned && (!dense || is_aligned(x[i]));
  }
  const Inputs<F::arity> inputs(x);
  const Fours fours{s.size(), 0, aligned};
  if (all_dense) {
    launch_walk(map_dense<F>, fours.count(), stream, f, fours, inputs, y);
  } else if (fits<int32_t>(s.size())) {
    const Lookup<int32_t, F::arity> lookup(s, x);
    launch_walk(map_broadcast<int32_t, F>, fours.count(), stream, f, fours, inputs, lookup, y);
  } else {
    const Lookup<int64_t, F::arity> lookup(s, x);
    launch_walk(map_broadcast<int64_t, F>, fours.count(), stream, f, fours, inputs, lookup, y);
  }
}

#include "../map_instances.inl"

}  // namespace erg::kernels::cuda
