// parallel_for: the only way kernels use threads.
#pragma once

#include <algorithm>
#include <cstdint>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace erg::kernels::cpu {

inline int max_threads() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

/// Index of the calling thread within parallel_for, below max_threads(): for scratch memory only.
inline int thread_index() {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

/// Calls f(begin, end) for consecutive chunks of [0, n), `grain` elements each (the last may be shorter), on any thread
/// in any order. The chunks do not depend on the number of threads, hence neither does a result that f writes per
/// chunk.
template <class F>
void parallel_for(int64_t n, int64_t grain, const F& f) {
  const int64_t chunks = (n + grain - 1) / grain;
#ifdef _OPENMP
  if (chunks > 1 && max_threads() > 1) {
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t c = 0; c < chunks; ++c) f(c * grain, std::min(n, (c + 1) * grain));
    return;
  }
#endif
  for (int64_t c = 0; c < chunks; ++c) f(c * grain, std::min(n, (c + 1) * grain));
}

}  // namespace erg::kernels::cpu
