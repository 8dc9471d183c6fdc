#include "openblas.h"

#include "../../kernels/cpu/parallel.h"

namespace erg::tools {

OpenBlas::OpenBlas(Device) {
  constexpr int own_threads = 1;  // 0: none, 2: OpenMP's
  if (kernels::cpu::max_threads() > 1 && get_parallel_() == own_threads)
    throw RulerError(library_.name() + " has threads of its own, which go on waiting for work beside OpenMP's; want " +
                     "libopenblas0-openmp, or --threads 1");
}

Ruler OpenBlas::gemm(const std::shared_ptr<OpenBlas>& self, const kernels::GemmShape& s, const real* a, const real* b,
                     real* c) {
  constexpr int row_major = 101, no = 111, yes = 112;  // of cblas.h
  self->set_threads_(kernels::cpu::max_threads());
  return {"OpenBLAS", [=] {
            const int m = int(s.m), n = int(s.n), k = int(s.k);
            self->sgemm_(row_major, s.transpose_a ? yes : no, s.transpose_b ? yes : no, m, n, k, 1, a,
                         s.transpose_a ? m : k, b, s.transpose_b ? k : n, 0, c, n);
          }};
}

}  // namespace erg::tools
