// The ground floor: the number type, where memory lives, and the queue that work is launched on.
//
// `real` is float. The whole library also compiles with -DERG_REAL=double (CPU only): that build exists to check
// gradients against central differences, not to be fast.
#pragma once

#include <cstdint>

#ifndef ERG_REAL
/// The type that `real` stands for: float, or double in the build that checks gradients.
#define ERG_REAL float
#endif

#ifndef ERG_HAS_CUDA
#define ERG_HAS_CUDA 0
#endif

#ifdef __CUDACC__
#define ERG_HD __host__ __device__ __forceinline__
#else
/// Always inlined, so that a function written once is compiled for the instruction set of whoever calls it.
#define ERG_HD inline __attribute__((always_inline))
#endif

/// All of the library.
namespace erg {

/// The type of every number.
using real = ERG_REAL;

inline constexpr bool has_cuda = ERG_HAS_CUDA != 0;

/// Where a tensor's memory lives and its kernels run.
struct Device {
  /// What kind of memory.
  enum class Kind : uint8_t { cpu, cuda };
  Kind kind = Kind::cpu;
  int index = 0;  // which GPU; 0 on the CPU
  /// Whether it is the same place.
  bool operator==(const Device&) const = default;
};

inline constexpr Device cpu_device{Device::Kind::cpu, 0};

/// An ordered queue of kernel launches on one device. On the CPU a launch simply runs.
struct Stream {
  Device device;
  void* handle = nullptr;  // cudaStream_t on CUDA, null on the CPU
};

}  // namespace erg
