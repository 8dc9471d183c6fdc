// The elementwise kernels on the CPU: one loop, compiled for every functor of the catalogue and its derivatives.
#include "../map.h"

#include <cstring>

#include "isa.h"
#include "parallel.h"

#define ERG_ISA_BODY "map.inl"
#include "isa_expand.h"

namespace erg::kernels::cpu {

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

#include "../map_instances.inl"

}  // namespace erg::kernels::cpu
