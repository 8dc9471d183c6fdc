// Matrix multiplication on the CPU; the work is in gemm.inl, compiled for each instruction set.
#include "../gemm.h"

#include <utility>

#include "isa.h"
#include "parallel.h"

#define ERG_ISA_BODY "gemm.inl"
#include "isa_expand.h"

namespace erg::kernels::cpu {

int64_t gemm_workspace(const GemmShape& s) { ERG_ISA_CALL(gemm_workspace, s); }

void gemm(const Stream&, const GemmShape& s, const real* a, const real* b, real* workspace, real* c) {
  ERG_ISA_CALL(gemm, s, a, b, workspace, c);
}

}  // namespace erg::kernels::cpu
