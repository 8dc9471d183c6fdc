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

uint32_t* step_word(Storage& s) { return reinterpret_cast<uint32_t*>(s.mutate()); }

/// A random word as an integer in [0, bound).
int64_t below(int64_t bound, uint32_t word) { return int64_t((uint64_t(word) * uint64_t(bound)) >> 32); }

}  // namespace

Noise::Noise(uint64_t seed, std::string_view stream, Device device) : Noise(seed, hash(stream), device) {}

Noise::Noise(uint64_t seed, uint32_t stream, Device device)
    : seed_(seed), stream_(stream), step_(std::make_shared<Storage>(device, 1)) {
  set_step(0);
}

uint32_t Noise::word(uint32_t step, int64_t i) const {
  return philox::draw(uint64_t(i) / 4, step, stream_, seed_).word[i % 4];
}

Noise Noise::fork(std::string_view use, Device device) const { return Noise(seed_, hash(use, stream_), device); }

kernels::NoiseKey Noise::key(int64_t first) const { return {seed_, stream_, step_word(*step_), first}; }

void Noise::advance(int64_t draws) { kernels::advance_(stream_of(device()), uint32_t(draws), step_word(*step_)); }

uint32_t Noise::step() const {
  uint32_t step;
  copy_bytes(cpu_device, &step, device(), step_word(*step_), sizeof step);
  return step;
}

void Noise::set_step(uint32_t step) { copy_bytes(device(), step_word(*step_), cpu_device, &step, sizeof step); }

Noise Noise::to(Device device) const {
  Noise there(seed_, stream_, device);
  there.set_step(step());
  return there;
}

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
  const uint32_t now = step();
  std::vector<int64_t> result(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) result[size_t(i)] = below(bound, word(now, i));
  advance();
  return result;
}

std::vector<int64_t> Noise::permutation(int64_t count) {
  const uint32_t now = step();
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), int64_t(0));
  for (int64_t i = count - 1; i > 0; --i) std::swap(order[size_t(i)], order[size_t(below(i + 1, word(now, i)))]);
  advance();
  return order;
}

void Noise::visit(Visitor& v) {
  v.counter(
      "step", [this] { return step(); }, [this](uint64_t value) { set_step(uint32_t(value)); });
}

}  // namespace erg
