// The CUDA runtime as the host side of erg needs it: devices, memory, the one stream a device has, captured graphs.
// No CUDA type shows here, so that engine/ compiles without the toolkit. The bodies are in runtime.cu, which the
// emulator compiles too.
#pragma once

#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>

#include "../stream.h"

namespace erg::kernels::cuda {

/// A CUDA call that failed; names the call and what CUDA said.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The device has no memory left. Says how much was asked for and how much was free.
class OutOfMemoryError : public std::bad_alloc {
 public:
  explicit OutOfMemoryError(std::string message) : message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

/// Throws Error unless a cudaError_t is cudaSuccess. `what` says in words what was tried.
void check(int error, const char* what);

// ---- Devices

struct DeviceInfo {
  std::string name;
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  int64_t memory_bytes = 0, free_bytes = 0;
  int clock_mhz = 0;  // the highest of a multiprocessor
  bool emulated = false;
};

/// How many devices this process can use. Where it is 0, `why_no_device` says why in one clear line: no driver, a
/// driver too old for this build, no GPU.
int device_count();
std::string why_no_device();
/// Throws Error for a device there is not.
DeviceInfo device_info(int device);
/// Cached: cheap enough for every launch.
int64_t multiprocessors(int device);

// ---- Precision of matrix products (gemm and convolutions)

/// tf32 multiplies on tensor cores with 10 bits of mantissa and sums in fp32; fp32 is slower and exact to rounding.
enum class Precision { tf32, fp32 };
/// tf32 unless ERG_PRECISION=fp32 or set_precision() said otherwise. Throws std::invalid_argument, naming the variable,
/// when it holds another word. Process-wide, like the instruction set of the CPU kernels.
Precision precision();
void set_precision(Precision precision);

// ---- Memory

/// Device memory, 256-byte aligned. Throws OutOfMemoryError, Error.
void* allocate(int device, int64_t bytes);
void release(int device, void* block) noexcept;

/// The stream all work on a device is launched on; made when first asked for. Throws Error.
Stream stream(int device);
/// Waits until all work launched on the stream is done. Throws Error for a kernel that failed meanwhile.
void synchronise(const Stream& stream);

/// Host to device: the bytes are copied into pinned memory before the call returns and go on from there in stream
/// order, so nobody waits for the device.
void copy_to_device(const Stream& stream, void* to, const void* from, int64_t bytes);
/// Device to host. Waits for all earlier work of the stream.
void copy_to_host(const Stream& stream, void* to, const void* from, int64_t bytes);

/// How often the host waited for a device, and asked it for memory, since the process began.
struct Counters {
  int64_t synchronisations = 0, allocations = 0;
};
Counters counters();

// ---- Captured graphs

/// From here on, launches on the stream are recorded and not run. Host reads and synchronisation throw Error.
void begin_capture(const Stream& stream);
/// Ends the capture: a graph that is ready to be launched. Throws Error when the recorded work cannot be a graph.
void* end_capture(const Stream& stream);
/// Ends a capture whose work is not wanted.
void abandon_capture(const Stream& stream) noexcept;
bool is_capturing(const Stream& stream);
void launch_graph(const Stream& stream, void* graph);
void destroy_graph(void* graph) noexcept;

}  // namespace erg::kernels::cuda
