// The CUDA runtime, wrapped: the contract is in runtime.h.
#include "runtime.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <string_view>

#include "portable.cuh"

namespace erg::kernels::cuda {

namespace {

std::atomic<int64_t> synchronisations{0}, allocations{0};

cudaStream_t handle_of(const Stream& stream) { return static_cast<cudaStream_t>(stream.handle); }

/// Makes a device the calling thread's current one.
void use(int device) {
  static thread_local int current = -1;
  if (current == device) return;
  check(cudaSetDevice(device), "selecting a device");
  current = device;
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

struct Availability {
  int devices = 0;
  std::string reason;
};

Availability find_devices() {
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error == cudaSuccess && devices > 0) return {devices, ""};
  cudaGetLastError();  // the runtime remembers a failure until it is asked
  if (error == cudaErrorInsufficientDriver) {
    int driver = 0, needed = 0;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&needed);
    if (driver == 0) return {0, "no NVIDIA driver is installed"};
    const int oldest = needed / 1000 * 1000;  // a driver serves every runtime of its major version
    return {0, "the NVIDIA driver serves CUDA " + version_text(driver) + ", this build needs " + version_text(oldest) +
                   " or newer; update the driver"};
  }
  if (error == cudaErrorNoDevice || error == cudaSuccess) return {0, "the NVIDIA driver finds no GPU"};
  return {0, std::string("CUDA cannot start: ") + cudaGetErrorString(error)};
}

const Availability& availability() {
  static const Availability found = find_devices();
  return found;
}

/// Pinned memory through which bytes travel to a device: slots taken in turn, each free again when its copy is done.
class Staging {
 public:
  void send(cudaStream_t stream, char* to, const char* from, int64_t bytes) {
    for (int64_t sent = 0; sent < bytes; sent += slot_bytes) {
      const int64_t count = std::min(slot_bytes, bytes - sent);
      Slot& slot = next_free();
      std::memcpy(slot.memory, from + sent, size_t(count));
      check(cudaMemcpyAsync(to + sent, slot.memory, size_t(count), cudaMemcpyHostToDevice, stream),
            "copy to the device");
      check(cudaEventRecord(slot.copied, stream), "copy to the device");
    }
  }

 private:
  static constexpr int64_t slot_bytes = 4 << 20;
  static constexpr size_t slots = 4;
  struct Slot {
    void* memory = nullptr;
    cudaEvent_t copied = nullptr;
  };

  Slot& next_free() {
    Slot& slot = ring_[turn_++ % slots];
    if (!slot.memory) {
      check(cudaMallocHost(&slot.memory, size_t(slot_bytes)), "pinned host memory");
      check(cudaEventCreateWithFlags(&slot.copied, cudaEventDisableTiming), "pinned host memory");
    } else if (cudaEventQuery(slot.copied) != cudaSuccess) {
      ++synchronisations;
      check(cudaEventSynchronize(slot.copied), "copy to the device");
    }
    return slot;
  }

  Slot ring_[slots];
  size_t turn_ = 0;
};

/// What a device has one of. Never destroyed: tensors in static variables may outlive any order we could choose.
struct DeviceState {
  std::mutex mutex;
  cudaStream_t stream = nullptr;
  int64_t multiprocessors = 0;
  Staging staging;
};

DeviceState& state_of(int device) {
  static std::deque<DeviceState>& states = *new std::deque<DeviceState>(size_t(availability().devices));
  if (device < 0 || device >= availability().devices)
    throw Error("[cuda] there is no device cuda:" + std::to_string(device) + ": " +
                (device_count() == 0 ? why_no_device() : std::to_string(device_count()) + " found, counted from 0"));
  DeviceState& state = states[size_t(device)];
  std::lock_guard lock(state.mutex);
  use(device);
  if (!state.stream) {
    int count = 0;
    check(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device), "reading a device's properties");
    state.multiprocessors = count;
    check(cudaStreamCreateWithFlags(&state.stream, cudaStreamNonBlocking), "creating a stream");
  }
  return state;
}

/// Throws for what a captured graph cannot hold.
void refuse_in_capture(const Stream& stream, const char* what) {
  if (is_capturing(stream))
    throw Error(std::string("[graph] ") + what +
                " while a graph is recorded; move it out of the recorded body, or switch graphs off");
}

}  // namespace

void check(int error, const char* what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();
  const auto code = static_cast<cudaError_t>(error);
  const std::string message =
      std::string("[cuda] ") + what + ": " + cudaGetErrorString(code) + " (" + cudaGetErrorName(code) + ")";
  if (code == cudaErrorMemoryAllocation) throw OutOfMemoryError(message);
  throw Error(message);
}

int device_count() { return availability().devices; }
std::string why_no_device() { return availability().reason; }

DeviceInfo device_info(int device) {
  DeviceInfo info;
  info.multiprocessors = int(state_of(device).multiprocessors);
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, device), "reading a device's properties");
  info.name = properties.name;
  info.major = properties.major;
  info.minor = properties.minor;
  int kilohertz = 0;
  check(cudaDeviceGetAttribute(&kilohertz, cudaDevAttrClockRate, device), "reading a device's properties");
  info.clock_mhz = kilohertz / 1000;
  size_t free_bytes = 0, total_bytes = 0;
  check(cudaMemGetInfo(&free_bytes, &total_bytes), "reading a device's memory");
  info.free_bytes = int64_t(free_bytes);
  info.memory_bytes = int64_t(total_bytes);
#ifdef ERG_CUDA_EMULATOR
  info.emulated = true;
#endif
  return info;
}

int64_t multiprocessors(int device) { return state_of(device).multiprocessors; }

// ---- Precision

namespace {

Precision precision_of_environment() {
  const char* word = std::getenv("ERG_PRECISION");
  if (!word || std::string_view(word) == "tf32") return Precision::tf32;
  if (std::string_view(word) == "fp32") return Precision::fp32;
  throw std::invalid_argument("ERG_PRECISION must be tf32 or fp32, got '" + std::string(word) + "'");
}

std::atomic<Precision>& chosen_precision() {
  static std::atomic<Precision> chosen{precision_of_environment()};
  return chosen;
}

}  // namespace

Precision precision() { return chosen_precision(); }
void set_precision(Precision precision) { chosen_precision() = precision; }

// ---- Memory

void* allocate(int device, int64_t bytes) {
  state_of(device);
  ++allocations;
  void* block = nullptr;
  const cudaError_t error = cudaMalloc(&block, size_t(bytes));
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    size_t free_bytes = 0, total_bytes = 0;
    cudaMemGetInfo(&free_bytes, &total_bytes);
    const auto mebibytes = [](auto count) { return std::to_string(count >> 20) + " MiB"; };
    throw OutOfMemoryError("[cuda] out of device memory: asked for " + mebibytes(bytes) + ", " + mebibytes(free_bytes) +
                           " of " + mebibytes(total_bytes) + " are free; use a smaller batch");
  }
  check(error, "allocating device memory");
  return block;
}

void release(int device, void* block) noexcept {
  use(device);
  cudaFree(block);  // at worst it leaks: there is nobody to tell
}

Stream stream(int device) { return {{Device::Kind::cuda, device}, state_of(device).stream}; }

void synchronise(const Stream& stream) {
  refuse_in_capture(stream, "the host waits for the device");
  ++synchronisations;
  check(cudaStreamSynchronize(handle_of(stream)), "running kernels");
}

void copy_to_device(const Stream& stream, void* to, const void* from, int64_t bytes) {
  refuse_in_capture(stream, "the host sends values to the device");
  DeviceState& state = state_of(stream.device.index);
  std::lock_guard lock(state.mutex);
  state.staging.send(handle_of(stream), static_cast<char*>(to), static_cast<const char*>(from), bytes);
}

void copy_to_host(const Stream& stream, void* to, const void* from, int64_t bytes) {
  refuse_in_capture(stream, "the host reads values of the device");
  check(cudaMemcpyAsync(to, from, size_t(bytes), cudaMemcpyDeviceToHost, handle_of(stream)), "copy to the host");
  synchronise(stream);
}

Counters counters() { return {synchronisations, allocations}; }

// ---- Captured graphs

bool is_capturing(const Stream& stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(handle_of(stream), &status), "recording a graph");
  return status != cudaStreamCaptureStatusNone;
}

void begin_capture(const Stream& stream) {
  // Relaxed: the pool may still ask for memory meanwhile, which is no part of the graph.
  check(cudaStreamBeginCapture(handle_of(stream), cudaStreamCaptureModeRelaxed), "recording a graph");
}

void* end_capture(const Stream& stream) {
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(handle_of(stream), &graph), "recording a graph");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  check(error, "recording a graph");
  return executable;
}

void abandon_capture(const Stream& stream) noexcept {
  cudaGraph_t graph = nullptr;
  if (cudaStreamEndCapture(handle_of(stream), &graph) == cudaSuccess) cudaGraphDestroy(graph);
  cudaGetLastError();
}

void launch_graph(const Stream& stream, void* graph) {
  check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), handle_of(stream)), "replaying a graph");
}

void destroy_graph(void* graph) noexcept { cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)); }

}  // namespace erg::kernels::cuda
