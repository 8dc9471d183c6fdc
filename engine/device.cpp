#include "device.h"

#include <charconv>
#include <cstring>
#include <new>

#include "../kernels/cuda/runtime.h"

namespace erg {

namespace {

constexpr std::align_val_t cpu_alignment{64};

bool is_cuda(Device device) { return device.kind == Device::Kind::cuda; }

constexpr Device first_gpu{Device::Kind::cuda, 0};

}  // namespace

bool is_emulated(Device device) {
  if constexpr (has_cuda) return is_cuda(device) && kernels::cuda::device_info(device.index).emulated;
  return false;
}

void require(Device device) {
  if (!is_cuda(device) || (device.index >= 0 && device.index < cuda_devices())) return;
  throw DeviceError("there is no device " + to_string(device) + ": " +
                    (cuda_devices() > 0 ? std::to_string(cuda_devices()) + " found, counted from 0" : why_no_cuda()) +
                    "; use cpu");
}

std::string to_string(Device device) { return is_cuda(device) ? "cuda:" + std::to_string(device.index) : "cpu"; }

Device device_named(std::string_view name) {
  Device device;
  if (name == "cpu") return device;
  if (name == "auto") return cuda_devices() > 0 && !is_emulated(first_gpu) ? first_gpu : device;
  device.kind = Device::Kind::cuda;
  const std::string_view number = name.starts_with("cuda:") ? name.substr(5) : "0";
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), device.index);
  if (error != std::errc() || end != number.data() + number.size() || (name != "cuda" && !name.starts_with("cuda:")))
    throw std::invalid_argument("a device is auto, cpu, cuda or cuda:N, got '" + std::string(name) + "'");
  require(device);
  return device;
}

int cuda_devices() {
  if constexpr (has_cuda) return kernels::cuda::device_count();
  return 0;
}

std::string why_no_cuda() {
  if constexpr (has_cuda) return kernels::cuda::why_no_device();
  return "this build has no CUDA";
}

Stream stream_of(Device device) {
  if constexpr (has_cuda)
    if (is_cuda(device)) return kernels::cuda::stream(device.index);
  return {device, nullptr};
}

void synchronise(Device device) {
  if constexpr (has_cuda)
    if (is_cuda(device)) kernels::cuda::synchronise(stream_of(device));
}

void* allocate(Device device, int64_t bytes) {
  require(device);
  if constexpr (has_cuda)
    if (is_cuda(device)) return kernels::cuda::allocate(device.index, bytes);
  return ::operator new(size_t(bytes), cpu_alignment);
}

void release(Device device, void* block) noexcept {
  if constexpr (has_cuda)
    if (is_cuda(device)) return kernels::cuda::release(device.index, block);
  ::operator delete(block, cpu_alignment);
}

void copy_bytes(Device to_device, void* to, Device from_device, const void* from, int64_t bytes) {
  if (bytes == 0) return;
  if constexpr (has_cuda) {
    if (is_cuda(to_device) && is_cuda(from_device))
      throw std::invalid_argument("copying from " + to_string(from_device) + " to " + to_string(to_device) +
                                  " goes through the host: .to(cpu_device) first");
    if (is_cuda(to_device)) return kernels::cuda::copy_to_device(stream_of(to_device), to, from, bytes);
    if (is_cuda(from_device)) return kernels::cuda::copy_to_host(stream_of(from_device), to, from, bytes);
  }
  std::memcpy(to, from, size_t(bytes));
}

}  // namespace erg
