// Devices: which there are, their memory, and the ways between them and the host.
//
// This is the engine's only view of CUDA; a build without it compiles the same file, and every request for a GPU then
// says that there is none.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "../kernels/stream.h"

namespace erg {

/// A device that this build or machine does not have. Says which, why, and what there is.
class DeviceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// "cpu" or "cuda:0".
std::string to_string(Device device);

/// The device that a word names: "cpu", "cuda", "cuda:1", or "auto": the first GPU if there is one (an emulated one
/// does not count), else the CPU. Throws DeviceError for a GPU there is not, std::invalid_argument for any other word.
Device device_named(std::string_view name);

/// Throws DeviceError for a GPU there is not.
void require(Device device);

/// Whether a device is a GPU that the CPU stands in for: its results count, its times mean nothing.
bool is_emulated(Device device);

/// How many GPUs this process can use; and where there is none, why, in one line.
int cuda_devices();
std::string why_no_cuda();

/// The stream that kernels on a device are launched on.
Stream stream_of(Device device);
/// Waits until all that was launched on a device is done.
void synchronise(Device device);

/// Memory of a device, 64-byte aligned at least. Throws std::bad_alloc, for a GPU with a message that gives sizes.
void* allocate(Device device, int64_t bytes);
/// Gives such a block back; the device is one that it was allocated on.
void release(Device device, void* block) noexcept;

/// Copies bytes between any two places, in the order of the streams. To a GPU the host does not wait; from one it does.
void copy_bytes(Device to_device, void* to, Device from_device, const void* from, int64_t bytes);

}  // namespace erg
