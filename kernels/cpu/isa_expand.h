// Expands ERG_ISA_BODY once per instruction set; see isa.h. No include guard: every family expands its own body.
// Within a body: `lanes` is the number of reals in a vector register, `Vector` such a register, `registers` how many
// the level has.
#ifndef ERG_ISA_BODY
#error "define ERG_ISA_BODY before including isa_expand.h"
#endif

#define ERG_ISA_COMMON(bytes, count)                                                             \
  constexpr int lanes = bytes / int(sizeof(real));                                               \
  constexpr int registers = count;                                                               \
  typedef real Vector __attribute__((vector_size(bytes), may_alias));                            \
  typedef real Unaligned __attribute__((vector_size(bytes), may_alias, aligned(alignof(real)))); \
  static_assert(registers > 0 && sizeof(Vector) == sizeof(Unaligned));

namespace erg::kernels::cpu::baseline {
ERG_ISA_COMMON(16, 16)
#include ERG_ISA_BODY
}  // namespace erg::kernels::cpu::baseline

#if defined(__x86_64__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
namespace erg::kernels::cpu::avx2 {
ERG_ISA_COMMON(32, 16)
#include ERG_ISA_BODY
}  // namespace erg::kernels::cpu::avx2
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma"))), \
                             apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,prefer-vector-width=512")
#endif
namespace erg::kernels::cpu::avx512 {
ERG_ISA_COMMON(64, 32)
#include ERG_ISA_BODY
}  // namespace erg::kernels::cpu::avx512
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif  // __x86_64__

#undef ERG_ISA_COMMON
#undef ERG_ISA_BODY
