// The elementwise kernels on the CPU: one loop, compiled for every functor of the catalogue and its derivatives.
#include "../map.h"

#include <cstring>

#include "isa.h"
#include "parallel.h"

#define ERG_ISA_BODY "map.inl"
#include "isa_expand.h"

namespace erg::kernels::cpu {

using namespace functors;

template <class F>
static void map_range(const F& f, const MapShape& s, const real* const* x, int64_t begin, int64_t end, real* y) {
  ERG_ISA_CALL(map_range, f, s, x, begin, end, y);
}

template <class F>
void map(const Stream&, const F& f, const MapShape& s, const real* const* x, real* y) {
  isa();  // an unusable ERG_ISA throws here, where it can be caught, and not within a thread
  // Threads are worth their wake-up only for some tens of microseconds of work.
  parallel_for(s.size(), 1 << 15, [&](int64_t begin, int64_t end) { map_range(f, s, x, begin, end, y); });
}

#define ERG_COMPILE(...) \
  template void map<__VA_ARGS__>(const Stream&, const __VA_ARGS__&, const MapShape&, const real* const*, real*);

// clang-format off
#define ERG_COMPILE_SMOOTH(F, ...) ERG_COMPILE(F) ERG_COMPILE(FirstVjp<F, 0>) ERG_COMPILE(SecondVjp<F, 0, 0>)
#define ERG_COMPILE_PIECEWISE(F) ERG_COMPILE(F) ERG_COMPILE(FirstVjp<F, 0>)
#define ERG_COMPILE_PIECEWISE_BINARY(F) ERG_COMPILE_PIECEWISE(F) ERG_COMPILE(FirstVjp<F, 1>)
// clang-format on

ERG_SMOOTH_FUNCTORS(ERG_COMPILE_SMOOTH)
ERG_OUTPUT_FUNCTORS(ERG_COMPILE_SMOOTH)
ERG_PARAMETRIC_FUNCTORS(ERG_COMPILE_SMOOTH)
ERG_PIECEWISE_UNARY_FUNCTORS(ERG_COMPILE_PIECEWISE)
ERG_PIECEWISE_BINARY_FUNCTORS(ERG_COMPILE_PIECEWISE_BINARY)
ERG_ARITHMETIC_FUNCTORS(ERG_COMPILE)

}  // namespace erg::kernels::cpu
