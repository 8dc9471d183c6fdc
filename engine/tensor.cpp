#include "tensor.h"

#include <stdexcept>
#include <string>

#include "../kernels/copy.h"

namespace erg {

Tensor Tensor::empty(const Shape& shape, Device device) {
  int64_t size = 1;
  for (int64_t extent : shape)
    if (__builtin_mul_overflow(size, extent, &size))
      throw std::invalid_argument("[empty] " + to_string(shape) + " has more elements than 64 bits count");
  return Tensor(Impl{shape, std::make_shared<Storage>(device, size)});
}

Tensor Tensor::full(const Shape& shape, real value, Device device) {
  Tensor t = empty(shape, device);
  kernels::fill(stream_of(device), t.size(), value, t.impl_->storage->mutate());
  return t;
}

Tensor Tensor::from_host(const Shape& shape, std::span<const real> values, Device device) {
  if (shape.size() != int64_t(values.size()))
    throw std::invalid_argument("[from_host] " + to_string(shape) + " holds " + std::to_string(shape.size()) +
                                " values, got " + std::to_string(values.size()));
  Tensor t = empty(shape, device);
  copy_bytes(device, t.impl_->storage->mutate(), cpu_device, values.data(), t.size() * int64_t(sizeof(real)));
  return t;
}

Tensor Tensor::detach() const { return Tensor(Impl{impl_->shape, impl_->storage}); }

Tensor Tensor::to(Device device) const {
  if (device == this->device()) return *this;
  Tensor t = empty(shape(), device);
  t.copy_(*this);
  return t;
}

Tensor Tensor::clone() const {
  Tensor t = empty(shape(), device());
  t.copy_(*this);
  return t;
}

Tensor Tensor::with_shape(const Shape& shape) const {
  if (shape.size() != size())
    throw std::invalid_argument("[reshape] " + to_string(this->shape()) + " to " + to_string(shape) + ": sizes differ");
  return Tensor(Impl{shape, impl_->storage});
}

std::vector<real> Tensor::to_host() const {
  std::vector<real> values(static_cast<size_t>(size()));
  copy_bytes(cpu_device, values.data(), device(), data(), size() * int64_t(sizeof(real)));
  return values;
}

real Tensor::item() const {
  if (size() != 1) throw std::invalid_argument("[item] wants one element, got " + to_string(shape()));
  return to_host()[0];
}

void Tensor::copy_(const Tensor& source) {
  if (!(shape() == source.shape()))
    throw std::invalid_argument("[copy_] " + to_string(source.shape()) + " into " + to_string(shape()) +
                                ": shapes differ");
  if (source.device() == device())
    kernels::copy_box(stream_of(*this), kernels::run_of(size()), source.data(), mutate());
  else
    copy_bytes(device(), mutate(), source.device(), source.data(), size() * int64_t(sizeof(real)));
}

void Tensor::move_into(const std::shared_ptr<Storage>& arena, int64_t offset) {
  Tensor slice(Impl{shape(), std::make_shared<Storage>(arena, offset, size())});
  slice.copy_(*this);
  impl_->storage = slice.impl_->storage;
}

}  // namespace erg
