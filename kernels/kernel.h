// ERG_KERNEL: the one door through which every kernel is launched.
//
//   ERG_KERNEL(fill, int64_t n, real value, real* y);
//
// declares the twins `cpu::fill` and `cuda::fill`, both taking a Stream first, and an object `fill` that calls the one
// for the stream's device. Nothing is registered and nothing is virtual: a missing body is a link error, and a CPU-only
// build never refers to the cuda twins, so it needs no stubs.
//
// Contracts that hold for every kernel: raw pointers of `real` in the device's memory; outputs last, workspace just
// before them; a trailing underscore says that an argument is updated in place; a kernel never allocates, never throws
// (but for a failed CUDA call), and reduces in an order that does not depend on the number of threads.
#pragma once

#include <utility>

#include "stream.h"

namespace erg::kernels {

/// Called before and after each launch when set: counts, times or marks kernels (`erg tape`, the benchmarks).
struct Trace {
  void (*call)(void* self, const char* kernel, const Stream& stream, bool begins) = nullptr;
  void* self = nullptr;
  double* flops = nullptr;  // where the arithmetic of launches is added up, as flops_of counts it
  bool dry = false;         // leave every launch out: outputs keep what was in their memory (`erg train --dry-run`)
};
inline thread_local Trace trace;

/// The multiplications and additions of a launch whose first argument is the shape of a matrix product or convolution;
/// other kernels, which are bound by memory, count as none. Kernels that take other arguments to multiply overload it.
template <class First, class... Rest>
double flops_of(const First& first, const Rest&...) {
  if constexpr (requires { first.flops(); }) return first.flops();
  return 0;
}

template <auto cpu_body, auto cuda_body>
struct Kernel;

/// A kernel's two bodies behind one name; the parameters are those the bodies were declared with.
template <class... P, void (*cpu_body)(const Stream&, P...), void (*cuda_body)(const Stream&, P...)>
struct Kernel<cpu_body, cuda_body> {
  const char* name;

  void operator()(const Stream& stream, P... args) const {
    if (trace.call) [[unlikely]]
      trace.call(trace.self, name, stream, true);
    if (trace.flops) [[unlikely]]
      *trace.flops += flops_of(args...);
    if (!trace.dry) [[likely]]
      launch(stream, std::forward<P>(args)...);
    if (trace.call) [[unlikely]]
      trace.call(trace.self, name, stream, false);
  }

 private:
  static void launch(const Stream& stream, P... args) {
    if constexpr (has_cuda) {
      if (stream.device.kind == Device::Kind::cuda) {
        cuda_body(stream, std::forward<P>(args)...);
      } else {
        cpu_body(stream, std::forward<P>(args)...);
      }
    } else {
      cpu_body(stream, std::forward<P>(args)...);
    }
  }
};

}  // namespace erg::kernels

#define ERG_KERNEL(name, ...)            \
  namespace cpu {                        \
  void name(const Stream&, __VA_ARGS__); \
  }                                      \
  namespace cuda {                       \
  void name(const Stream&, __VA_ARGS__); \
  }                                      \
  inline constexpr Kernel<&cpu::name, &cuda::name> name { #name }

/// Declares `name_workspace(device, shape)`: how many reals of workspace the kernel `name` wants on that device.
#define ERG_WORKSPACE(name, Shape)                                                 \
  namespace cpu {                                                                  \
  int64_t name##_workspace(const Shape&);                                          \
  }                                                                                \
  namespace cuda {                                                                 \
  int64_t name##_workspace(const Shape&);                                          \
  }                                                                                \
  inline int64_t name##_workspace(Device device, const Shape& shape) {             \
    if constexpr (has_cuda)                                                        \
      if (device.kind == Device::Kind::cuda) return cuda::name##_workspace(shape); \
    return (void)device, cpu::name##_workspace(shape);                             \
  }                                                                                \
  static_assert(true)
