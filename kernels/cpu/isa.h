// One source, three instruction sets. A family's file names its body and includes this header:
//
//   #define ERG_ISA_BODY "gemm.inl"
//   #include "isa_expand.h"                                 // gemm.inl, once in each of baseline::, avx2::, avx512::
//   void gemm(const Stream&, ...) { ERG_ISA_CALL(gemm, ...); }
//
// and the level is chosen once, at run time, from what the CPU has. A portable binary is thereby as fast as one built
// for its machine. ERG_ISA=baseline|avx2|avx512 in the environment asks for a lower level (an unknown or unavailable
// one throws std::runtime_error at the first kernel).
//
// Rules for an .inl: it includes no headers but other .inl files (standard headers come before), and calls only its own
// functions, always_inline ones and builtins, so that no code compiled for a newer CPU leaks into the rest of the
// program.
#pragma once

#include <string_view>
#include <vector>

namespace erg::kernels::cpu {

enum class Isa { baseline, avx2, avx512 };

/// The level in use.
Isa isa();
/// For tests: use this level from now on. Throws std::invalid_argument if the CPU lacks it.
void set_isa(Isa level);
/// The levels this CPU has, lowest first.
std::vector<Isa> available_isas();
std::string_view name(Isa level);

}  // namespace erg::kernels::cpu

/// Before a loop: no iteration reads what another one writes.
#ifdef __clang__
#define ERG_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define ERG_INDEPENDENT _Pragma("GCC ivdep")
#endif

#if defined(__x86_64__)
#define ERG_ISA_CALL(function, ...)                         \
  switch (isa()) {                                          \
    case Isa::avx512: return avx512::function(__VA_ARGS__); \
    case Isa::avx2: return avx2::function(__VA_ARGS__);     \
    default: return baseline::function(__VA_ARGS__);        \
  }
#else
#define ERG_ISA_CALL(function, ...) return baseline::function(__VA_ARGS__)
#endif
