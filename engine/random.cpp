#include "random.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <string>

#include "../kernels/copy.h"
#include "../kernels/philox.h"

namespace erg {

namespace {

/// FNV-1a: a stream's number from its name.
uint32_t hash(std::string_view name, uint32_t start = 2166136261u) {
  uint32_t h = start;
  for (char c : name) h = (h ^ uint8_t(c)) * 16777619u;
  return h;
}

uint32_t* word(Storage& s) { return reinterpret_cast<uint32_t*>(s.mutate()); }

}  // namespace

Noise::Noise(uint64_t seed, std::string_view stream, Device device) : Noise(seed, hash(stream), device) {}

Noise::Noise(uint64_t seed, uint32_t stream, Device device)
    : seed_(seed), stream_(stream), step_(std::make_shared<Storage>(device, 1)) {
  set_step(0);
}

Noise Noise::fork(std::string_view use) const { return Noise(seed_, hash(use, stream_), device()); }

kernels::NoiseKey Noise::key(int64_t first) const { return {seed_, stream_, word(*step_), first}; }

void Noise::advance(int64_t draws) { kernels::advance_(stream_of(device()), uint32_t(draws), word(*step_)); }

uint32_t Noise::step() const { return *word(*step_); }

void Noise::set_step(uint32_t step) { *word(*step_) = step; }

uint32_t Noise::word_at(int64_t i) const { return philox::draw(uint64_t(i) / 4, step(), stream_, seed_).word[i % 4]; }

Tensor Noise::normal(const Shape& shape, int64_t first_row) {
  Tensor y = Tensor::empty(shape, device());
  kernels::normal(stream_of(y), key(first_row * shape.row_size()), y.size(), y.mutate());
  advance();
  return y;
}

Tensor Noise::uniform(const Shape& shape, real low, real high, int64_t first_row) {
  Tensor y = Tensor::empty(shape, device());
  kernels::uniform(stream_of(y), key(first_row * shape.row_size()), y.size(), low, high, y.mutate());
  advance();
  return y;
}

std::vector<int64_t> Noise::integers(int64_t count, int64_t bound) {
  if (bound < 1 || bound > int64_t(1) << 32)
    throw std::invalid_argument("[integers] bound must be in [1, 2^32], got " + std::to_string(bound));
  std::vector<int64_t> result(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) result[size_t(i)] = int64_t((uint64_t(word_at(i)) * uint64_t(bound)) >> 32);
  advance();
  return result;
}

std::vector<int64_t> Noise::permutation(int64_t count) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), int64_t(0));
  for (int64_t i = count - 1; i > 0; --i)
    std::swap(order[size_t(i)], order[size_t((uint64_t(word_at(i)) * uint64_t(i + 1)) >> 32)]);
  advance();
  return order;
}

void Noise::visit(Visitor& v) {
  v.counter(
      "step", [this] { return step(); }, [this](uint64_t value) { set_step(uint32_t(value)); });
}

}  // namespace erg
