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

#include <array>
#include <span>
#include <type_traits>
#include <utility>

#include "stream.h"

/// The ground floor: raw pointers and streams.
namespace erg::kernels {

/// A launch as a trace sees it.
struct Launch {
  const char* kernel;
  Stream stream;
  double flops, bytes;                  // as flops_of and bytes_of count them
  std::span<const void* const> writes;  // its outputs and its workspace, some of them null; only during the call
};

/// Called before and after each launch when set: counts, times or marks kernels (`erg tape`, the benchmarks).
struct Trace {
  void (*call)(void* self, const Launch& launch, bool begins) = nullptr;
  void* self = nullptr;
  double* flops = nullptr;  // where the arithmetic of launches is added up, as flops_of counts it
  bool dry = false;         // leave every launch out: outputs keep what was in their memory (`erg train --dry-run`)
};
/// This thread's.
inline thread_local Trace trace;

/// While it lives, the arithmetic of this thread's launches is added up, and with `dry` they are left out. It is this
/// thread's whole trace.
class CountedFlops {
 public:
  /// Begins; the trace must be free.
  explicit CountedFlops(bool dry = false) { trace = {.flops = &sum_, .dry = dry}; }
  ~CountedFlops() { trace = {}; }
  CountedFlops(const CountedFlops&) = delete;
  CountedFlops& operator=(const CountedFlops&) = delete;

  /// So far.
  double sum() const { return sum_; }

 private:
  double sum_ = 0;
};

/// The multiplications and additions of a launch whose first argument is the shape of a matrix product or convolution;
/// other kernels, which are bound by memory, count as none. Kernels that take other arguments to multiply overload it.
template <class First, class... Rest>
double flops_of(const First& first, const Rest&...) {
  if constexpr (requires { first.flops(); }) return first.flops();
  return 0;
}

/// The bytes that a launch cannot but move: everything it is given read once, every result written once, workspace left
/// out. A kernel's first argument says it by its bytes(), or the kernel's header overloads this for it; the others
/// count as none.
template <class Kernel, class First, class... Rest>
double bytes_of(const Kernel&, const First& first, const Rest&...) {
  if constexpr (requires { first.bytes(); }) return first.bytes();
  return 0;
}

/// Bytes of n numbers.
constexpr double bytes_of_reals(int64_t n) { return double(sizeof(real)) * double(n); }

template <auto cpu_body, auto cuda_body>
struct Kernel;

/// A kernel's two bodies behind one name; the parameters are those the bodies were declared with.
template <class... P, void (*cpu_body)(const Stream&, P...), void (*cuda_body)(const Stream&, P...)>
struct Kernel<cpu_body, cuda_body> {
  const char* name;

  /// Runs the body of the stream's device, and tells the trace.
  void operator()(const Stream& stream, P... args) const {
    if (trace.call) [[unlikely]]
      tell(stream, true, args...);
    if (trace.flops) [[unlikely]]
      *trace.flops += flops_of(args...);
    if (!trace.dry) [[likely]]
      launch(stream, std::forward<P>(args)...);
    if (trace.call) [[unlikely]]
      tell(stream, false, args...);
  }

 private:
  void tell(const Stream& stream, bool begins, const std::remove_reference_t<P>&... args) const {
    const std::array<const void*, sizeof...(P)> writes{written(args)...};
    trace.call(trace.self, {name, stream, flops_of(args...), bytes_of(*this, args...), writes}, begins);
  }
  /// The memory behind an argument that is written to.
  template <class T>
  static const void* written(const T& argument) {
    if constexpr (std::is_pointer_v<T>)
      if constexpr (!std::is_const_v<std::remove_pointer_t<T>>) return argument;
    return nullptr;
  }

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

/// Declares cpu::name and cuda::name with these parameters behind a Stream, and the object `name` that calls one of
/// them. Declares cpu::name and cuda::name with these parameters behind a Stream, and the object `name` that calls one
/// of the two.
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
