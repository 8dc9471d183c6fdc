// Tensor: a handle to a shape and a storage. Copies of a handle share the value.
//
// There are no strided views: a tensor is contiguous, row-major; images are NHWC and convolution weights HWIO. Values
// are immutable by convention: operations return new tensors, and the few functions that write in place end in an
// underscore and bump the storage's version, so that a tape which still needs the old value can say so.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "device.h"
#include "shape.h"
#include "storage.h"

namespace erg {

class Tensor {
 public:
  /// An absent tensor; every other member requires a present one.
  Tensor() = default;
  /// Whether there is one.
  explicit operator bool() const { return impl_ != nullptr; }

  /// Uninitialised memory.
  static Tensor empty(const Shape& shape, Device device = cpu_device);
  /// The same value everywhere.
  static Tensor full(const Shape& shape, real value, Device device = cpu_device);
  /// Zeros, or ones.
  static Tensor zeros(const Shape& shape, Device device = cpu_device) { return full(shape, 0, device); }
  static Tensor ones(const Shape& shape, Device device = cpu_device) { return full(shape, 1, device); }
  /// Throws std::invalid_argument when the number of values is not the shape's size.
  static Tensor from_host(const Shape& shape, std::span<const real> values, Device device = cpu_device);

  /// Extents, their number, one of them (counted from the end where i is negative), and their product.
  const Shape& shape() const { return impl_->shape; }
  int rank() const { return impl_->shape.rank(); }
  int64_t dim(int i) const { return impl_->shape[i]; }
  int64_t size() const { return impl_->storage->size(); }
  /// Where the memory is.
  Device device() const { return impl_->storage->device(); }

  /// The device's memory: not to be read on the host unless that is the CPU.
  const real* data() const { return impl_->storage->data(); }
  /// Mutable access to the device's memory; bumps the version.
  real* mutate() { return impl_->storage->mutate(); }
  /// How often the memory was opened to be written.
  uint32_t version() const { return impl_->storage->version(); }

  /// The same value, unknown to any tape.
  Tensor detach() const;
  /// The value on a device: this tensor itself if it is there. To a GPU the host does not wait, from one it does.
  Tensor to(Device device) const;
  /// A copy with memory of its own.
  Tensor clone() const;
  /// The same storage under another shape of equal size, unknown to any tape; `reshape` (ops.h) is the recorded form.
  Tensor with_shape(const Shape& shape) const;

  /// The values, on the host. Synchronises.
  std::vector<real> to_host() const;
  /// The value of a one-element tensor. Synchronises. Throws std::invalid_argument for any other size.
  real item() const;
  /// Overwrites the values in place, from any device. Throws std::invalid_argument when the shapes differ.
  void copy_(const Tensor& source);

  /// Moves this tensor's value into a slice of a flat arena; every handle to it follows. For optimisers.
  void move_into(const std::shared_ptr<Storage>& arena, int64_t offset);
  /// The memory, which other tensors may share.
  const std::shared_ptr<Storage>& storage() const { return impl_->storage; }

 private:
  friend class Tape;
  struct Impl {
    Shape shape;
    std::shared_ptr<Storage> storage;
    uint64_t tape = 0;  // serial number of the tape that knows this tensor, never an address
    int node = -1;      // its node there
  };
  explicit Tensor(Impl impl) : impl_(std::make_shared<Impl>(std::move(impl))) {}
  std::shared_ptr<Impl> impl_;
};

/// The stream of the device a tensor is on.
inline Stream stream_of(const Tensor& t) { return stream_of(t.device()); }

}  // namespace erg
