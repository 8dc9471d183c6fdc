// The device, its memory, and launches.
#include "api.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "fault.h"
#include "heap.h"
#include "launch.h"
#include "shared_memory.h"
#include "stream.h"

using namespace erg::emulator;
using Lock = std::lock_guard<std::recursive_mutex>;

namespace {

constexpr int multiprocessors = 3;  // few and odd, so that kernels which walk in strides of the grid do

thread_local cudaError_t last_error = cudaSuccess;

/// Memory of cudaMallocHost, by its beginning.
std::map<const char*, size_t> pinned;
/// How much shared memory a kernel was allowed.
std::map<const void*, size_t> shared_limits;

bool is_pinned(const void* address, size_t bytes) {
  const char* const p = static_cast<const char*>(address);
  const auto after = pinned.upper_bound(p);
  if (after == pinned.begin()) return false;
  const auto [begin, size] = *std::prev(after);
  return p + bytes <= begin + size;
}

}  // namespace

namespace erg::emulator {

std::recursive_mutex& mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

cudaError_t fail(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

}  // namespace erg::emulator

// ---- Errors

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
#define ERG_CASE(name, number, text) \
  case name: return #name;
    ERG_CUDA_ERRORS(ERG_CASE)
#undef ERG_CASE
  }
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
#define ERG_CASE(name, number, text) \
  case name: return text;
    ERG_CUDA_ERRORS(ERG_CASE)
#undef ERG_CASE
  }
  return "unrecognized error code";
}

cudaError_t cudaPeekAtLastError() { return last_error; }
cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }

// ---- The device

cudaError_t cudaGetDeviceCount(int* count) {
  const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES");
  *count = visible && !*visible ? 0 : 1;
  return *count == 0 ? fail(cudaErrorNoDevice) : cudaSuccess;
}

cudaError_t cudaSetDevice(int device) { return fail(device == 0 ? cudaSuccess : cudaErrorInvalidDevice); }

cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device != 0) return fail(cudaErrorInvalidDevice);
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "erg emulator");
  properties->totalGlobalMem = Heap::instance().limit();
  properties->sharedMemPerBlock = SharedMemory::default_limit;
  properties->sharedMemPerBlockOptin = SharedMemory::limit;
  properties->major = 9;
  properties->multiProcessorCount = multiprocessors;
  properties->maxThreadsPerBlock = 1024;
  properties->warpSize = 32;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (device != 0) return fail(cudaErrorInvalidDevice);
  switch (attribute) {
    case cudaDevAttrClockRate:
      *value = 1000000;  // 1 GHz, for want of a truth
      return cudaSuccess;
    case cudaDevAttrMultiProcessorCount: *value = multiprocessors; return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor: *value = 9; return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor: *value = 0; return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = int(SharedMemory::limit); return cudaSuccess;
  }
  return fail(cudaErrorInvalidValue);
}

cudaError_t cudaDriverGetVersion(int* version) { return cudaRuntimeGetVersion(version); }

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  const Lock lock(mutex());
  return refuse_while_capturing();
}

// ---- Memory

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  const Lock lock(mutex());
  *total = Heap::instance().limit();
  *free = *total - Heap::instance().used();
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** block, size_t bytes) {
  const Lock lock(mutex());
  install_fault_handler();
  *block = nullptr;
  if (bytes == 0) return cudaSuccess;
  *block = Heap::instance().allocate(bytes);
  return fail(*block ? cudaSuccess : cudaErrorMemoryAllocation);
}

cudaError_t cudaFree(void* block) {
  const Lock lock(mutex());
  return fail(!block || Heap::instance().release(block) ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaMallocHost(void** block, size_t bytes) {
  const Lock lock(mutex());
  *block = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  if (!*block) return fail(cudaErrorMemoryAllocation);
  pinned[static_cast<const char*>(*block)] = bytes;
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* block) {
  const Lock lock(mutex());
  if (block && pinned.erase(static_cast<const char*>(block)) == 0) return fail(cudaErrorInvalidValue);
  std::free(block);
  return cudaSuccess;
}

namespace {

/// Whether an address may stand on one side of a copy: within one block of device memory, or outside the device.
bool is_on(bool device, const void* address, size_t bytes) {
  return device ? Heap::instance().contains(address, bytes) : !Heap::instance().reserves(address);
}

}  // namespace

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  const Lock lock(mutex());
  if (bytes == 0) return cudaSuccess;
  bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (kind == cudaMemcpyDefault) {
    to_device = Heap::instance().reserves(to);
    from_device = Heap::instance().reserves(from);
  }
  if (!is_on(to_device, to, bytes) || !is_on(from_device, from, bytes)) return fail_in(stream, cudaErrorInvalidValue);
  // Host memory that is not pinned may be gone when a graph is launched.
  const bool may_capture = (to_device || is_pinned(to, bytes)) && (from_device || is_pinned(from, bytes));
  const auto copy = [=] {
    const Heap::Open open;
    std::memmove(to, from, bytes);
  };
  return submit(stream, copy, may_capture);
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  const Lock lock(mutex());
  if (const cudaError_t error = refuse_while_capturing()) return error;
  return cudaMemcpyAsync(to, from, bytes, kind, nullptr);
}

cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  const Lock lock(mutex());
  if (bytes == 0) return cudaSuccess;
  if (!is_on(true, to, bytes)) return fail_in(stream, cudaErrorInvalidValue);
  return submit(stream, [=] {
    const Heap::Open open;
    std::memset(to, value, bytes);
  });
}

cudaError_t cudaMemset(void* to, int value, size_t bytes) {
  const Lock lock(mutex());
  if (const cudaError_t error = refuse_while_capturing()) return error;
  return cudaMemsetAsync(to, value, bytes, nullptr);
}

// ---- Launches

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  const Lock lock(mutex());
  if (!kernel || attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 ||
      size_t(value) > SharedMemory::limit)
    return fail(cudaErrorInvalidValue);
  shared_limits[kernel] = size_t(value);
  return cudaSuccess;
}

namespace erg::emulator {
namespace {

cudaError_t check_sizes(const dim3& grid, const dim3& block, size_t shared_bytes, const void* kernel) {
  const bool some = grid.x && grid.y && grid.z && block.x && block.y && block.z;
  const bool grid_fits = grid.x <= 0x7FFFFFFFu && grid.y <= 65535 && grid.z <= 65535;
  const bool block_fits =
      block.x <= 1024 && block.y <= 1024 && block.z <= 64 && uint64_t(block.x) * block.y * block.z <= 1024;
  if (!some || !grid_fits || !block_fits) return cudaErrorInvalidConfiguration;
  const auto found = shared_limits.find(kernel);
  const size_t allowed =
      found == shared_limits.end() ? SharedMemory::default_limit : std::max(found->second, SharedMemory::default_limit);
  return shared_bytes <= allowed ? cudaSuccess : cudaErrorInvalidValue;
}

}  // namespace

cudaError_t launch(const cudaLaunchConfig_t& configuration, const void* kernel, std::function<void()> body) {
  const Lock lock(mutex());
  const auto& [grid, block, shared_bytes, stream, attributes, count] = configuration;
  if (const cudaError_t error = check_sizes(grid, block, shared_bytes, kernel)) return fail_in(stream, error);
  return submit(stream, [work = Launch{kernel, grid, block, shared_bytes, std::move(body)}] { run(work); });
}

}  // namespace erg::emulator
