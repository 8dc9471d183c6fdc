// Hopper and Ampere instructions that C++ has no word for, as functions. On a GPU each is one line of PTX; under the
// emulator each has a twin of the same name in emulator/ptx.h, which does in software what the PTX manual says.
//
//   copy_async(to, from)        16 bytes from global to shared memory, past the registers (cp.async)
//   commit_copies()             closes a group of copies; wait_for_copies<n>() waits until at most n groups are open
//   load_matrices(r, row)       four 8x4 matrices of 32-bit words from shared memory, spread over the warp (ldmatrix)
//   mma_tf32(d, a, b)           d += a b for a [16,8] and b [8,8] by the whole warp, on tensor cores (mma.sync)
//   to_tf32(x)                  x rounded to tf32: 10 bits of mantissa, the exponent of fp32
//
// Fragment layouts are those of the PTX manual's m16n8k8: with group = lane / 4 and member = lane % 4,
//   a[0..3] = A(group, member), A(group + 8, member), A(group, member + 4), A(group + 8, member + 4)
//   b[0..1] = B(member, group), B(member + 4, group)
//   d[0..3] = D(group, 2 member), D(group, 2 member + 1), D(group + 8, 2 member), D(group + 8, 2 member + 1)
#pragma once

#ifdef ERG_CUDA_EMULATOR
#include "emulator/ptx.h"
#else

#include <cuda_runtime.h>

#include <cstdint>

namespace erg::kernels::cuda {

/// The address of shared memory as PTX counts it.
__device__ __forceinline__ uint32_t shared_address(const void* p) { return uint32_t(__cvta_generic_to_shared(p)); }

/// Copies 16 bytes, both sides 16-byte aligned, or writes zeros where !valid (`from` is then not read). The bytes may
/// be read after wait_for_copies, by other threads after a barrier too.
__device__ __forceinline__ void copy_async(void* to, const void* from, bool valid = true) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(valid ? 16 : 0)
               : "memory");
}

/// The same by way of the L1 cache, for bytes that the block will copy again.
__device__ __forceinline__ void copy_async_cached(void* to, const void* from, bool valid = true) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(valid ? 16 : 0)
               : "memory");
}

/// The same for 4 bytes, 4-byte aligned.
__device__ __forceinline__ void copy_async_word(void* to, const void* from, bool valid = true) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(to)), "l"(from), "r"(valid ? 4 : 0)
               : "memory");
}

__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/// Waits until at most `open` of this thread's groups are still under way.
template <int open>
__device__ __forceinline__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(open) : "memory");
}

/// Matrix m of 8 rows of four words: lane 8m + i names the address of its row i (16-byte aligned); then r[m] is the
/// word at row lane / 4, column lane % 4. Four matrices are A of mma_tf32 when they are its upper left, lower left,
/// upper right and lower right quarter.
__device__ __forceinline__ void load_matrices(uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}

/// Rounds to nearest, ties away from zero.
__device__ __forceinline__ uint32_t to_tf32(float x) {
  uint32_t rounded;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(x));
  return rounded;
}

/// d += a b, rounded in an order the hardware does not tell. The low 13 bits of a and b are ignored: pass to_tf32(x).
__device__ __forceinline__ void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

}  // namespace erg::kernels::cuda

#endif
