// What a CUDA kernel may use. This is the only header through which a .cu file sees CUDA itself, and every name in it
// exists twice: on a GPU, and in the emulator (emulator/README.md), which runs the same sources on a CPU.
//
// Rules that keep a kernel portable between the two, and its errors findable:
//   - launch through launch(); shared memory through ERG_SHARED only, never a static __shared__ array;
//   - PTX only through the wrappers of ptx.cuh, each of which has a twin in software;
//   - warp collectives name their lanes (the _sync forms); threads of a warp are not in step otherwise;
//   - blocks know nothing of each other within a launch: no spin locks, no grid barriers;
//   - no atomics on floating-point numbers: sums have a fixed order.
#pragma once

#ifdef ERG_CUDA_EMULATOR
#include "emulator/emulator.h"
#else
#include <cuda_runtime.h>
#endif

#include <cstddef>
#include <cstdint>

#include "../stream.h"
#include "ptx.cuh"
#include "runtime.h"

#ifdef __CUDACC__
/// `T* name`: the block's shared memory, as many bytes as launch() was told, 16-byte aligned. Full of NaN under the
/// emulator until somebody writes it.
#define ERG_SHARED(T, name)                                   \
  extern __shared__ __align__(16) unsigned char erg_shared[]; \
  T* const name = reinterpret_cast<T*>(erg_shared)
#else
#define ERG_SHARED(T, name) T* const name = static_cast<T*>(::erg::emulator::shared_memory())
#endif

/// Before a loop: nvcc unrolls it so often; a C++ compiler is not asked.
#ifdef __CUDACC__
#define ERG_UNROLL(times) _Pragma(ERG_UNROLL_TEXT(unroll times))
#define ERG_UNROLL_TEXT(text) #text
#else
#define ERG_UNROLL(times)
#endif

namespace erg::kernels::cuda {

inline constexpr int warp_size = 32;
inline constexpr unsigned all_lanes = 0xFFFFFFFFu;
/// What a block may have without asking; launch() asks for more where needed.
inline constexpr size_t default_shared_limit = 48 * 1024;

/// Starts `kernel` on the stream, its arguments by value; an empty grid starts nothing. Throws Error.
template <class... P, class... A>
void launch(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes, const Stream& stream, A&&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  if (shared_bytes > default_shared_limit)
    check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                               int(shared_bytes)),
          "shared memory of a kernel");
  cudaLaunchConfig_t configuration{};
  configuration.gridDim = grid;
  configuration.blockDim = block;
  configuration.dynamicSmemBytes = shared_bytes;
  configuration.stream = static_cast<cudaStream_t>(stream.handle);
  check(cudaLaunchKernelEx(&configuration, kernel, static_cast<P>(arguments)...), "kernel launch");
}

ERG_HD int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// How many blocks of `per_block` elements cover n, but no more than keep the device full: the kernel walks on in
/// strides of the whole grid. What a kernel writes must not depend on it.
inline unsigned grid_for(const Stream& stream, int64_t n, int64_t per_block, int64_t blocks_per_multiprocessor = 16) {
  const int64_t full = multiprocessors(stream.device.index) * blocks_per_multiprocessor;
  const int64_t blocks = ceil_div(n, per_block);
  return unsigned(blocks < full ? blocks : full);
}

}  // namespace erg::kernels::cuda
