#include "replay.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>

#include "../kernels/copy.h"

namespace erg {

namespace {

/// The shape of `count` of these chains.
Shape batch_of(int64_t count, Shape chains) {
  chains[0] = count;
  return chains;
}

/// Copies row `from` of x to row `to` of y; rows are everything but the first dimension.
void copy_row(const Tensor& x, int64_t from, Tensor& y, int64_t to) {
  const int64_t row = x.shape().row_size();
  kernels::copy_box(stream_of(x), kernels::run_of(row), x.data() + from * row, y.mutate() + to * row);
}

}  // namespace

// ---- ChainStore

namespace {

/// Memory for the elements of a shape: reals, or a row of as many reals as hold the bytes.
Tensor zeroed(const Shape& shape, bool as_bytes, Device device) {
  constexpr int64_t bytes_per_real = sizeof(real);
  if (!as_bytes) return Tensor::zeros(shape, device);
  return Tensor::zeros({(shape.size() + bytes_per_real - 1) / bytes_per_real}, device);
}

}  // namespace

ChainStore::ChainStore(const Shape& shape, Device device, std::optional<kernels::ByteRange> bytes, const Noise& points)
    : shape_(shape), row_(shape.row_size()), range_(bytes), memory_(zeroed(shape, bytes.has_value(), device)) {
  if (bytes) points_ = points.fork("points", device);
}

void ChainStore::write(const Tensor& batch, const std::vector<int64_t>& slots) {
  settle();
  for (int64_t i = 0; i < int64_t(slots.size()); ++i) {
    const int64_t slot = slots[size_t(i)];
    if (slot < 0) continue;
    if (range_)
      kernels::quantise(stream_of(batch), *range_, row_, batch.data() + i * row_, bytes() + slot * row_);
    else
      copy_row(batch, i, memory_, slot);
  }
}

void ChainStore::read(const std::vector<int64_t>& slots, Tensor& batch) {
  settle();
  for (int64_t i = 0; i < int64_t(slots.size()); ++i) {
    const int64_t slot = slots[size_t(i)];
    if (range_)
      kernels::dequantise(stream_of(batch), *range_, points_->key(i * row_), row_, bytes() + slot * row_,
                          batch.mutate() + i * row_);
    else
      copy_row(memory_, slot, batch, i);
  }
  if (range_) points_->advance();
}

Tensor ChainStore::first(int64_t count) {
  settle();
  Tensor chains = Tensor::empty(batch_of(count, shape_), memory_.device());
  if (range_)
    kernels::bin_centres(stream_of(chains), *range_, chains.size(), bytes(), chains.mutate());
  else
    kernels::copy_box(stream_of(chains), kernels::run_of(chains.size()), memory_.data(), chains.mutate());
  return chains;
}

void ChainStore::settle() {
  if (!visited_) return;
  kernels::quantise(stream_of(visited_), *range_, visited_.size(), visited_.data(), bytes());
  visited_ = {};
}

void ChainStore::visit(Visitor& v) {
  if (range_) visited_ = first(shape_[0]);
  v.buffer("chains", range_ ? visited_ : memory_);
  if (points_) v.sub("points", *points_);
}

// ---- ReplayBuffer

namespace {

void check(const ReplayBuffer::Options& options) {
  if (options.capacity < 1)
    throw std::invalid_argument("[replay] capacity must be at least 1, got " + std::to_string(options.capacity));
  if (!(options.restart >= 0 && options.restart <= 1))
    throw std::invalid_argument("[replay] the restarted share must be in [0,1], got " +
                                std::to_string(options.restart));
  if (!options.bytes) return;
  const kernels::ByteRange& range = *options.bytes;
  bool apart = range.low < range.high;
  for (int byte = 0; byte < 256; ++byte)
    apart = apart && kernels::byte_of(range, kernels::point_of(range, uint8_t(byte), real(0.5))) == byte;
  if (!apart)
    throw std::invalid_argument(
        "[replay] the bytes' range must have low < high and 256 bins that can be told apart, got [" +
        std::to_string(range.low) + "," + std::to_string(range.high) + "]");
}

}  // namespace

ReplayBuffer::ReplayBuffer(const Options& options, Fresh fresh, Noise noise)
    : options_(options), fresh_(std::move(fresh)), noise_(std::move(noise)) {
  check(options);
  // Where the buffer starts empty, one chain shows the form of them all.
  const Tensor start = make_fresh(options.policy == Policy::in_place ? options.capacity : 1);
  store_ = ChainStore(batch_of(options.capacity, start.shape()), start.device(), options.bytes, noise_);
  if (options.policy != Policy::in_place) return;
  std::vector<int64_t> all(static_cast<size_t>(options.capacity));
  std::iota(all.begin(), all.end(), int64_t(0));
  store_.write(start, all);
}

Tensor ReplayBuffer::make_fresh(int64_t count) const {
  const Tensor fresh = fresh_(count);
  const Shape& form = store_.shape().rank() > 0 ? store_.shape() : fresh.shape();
  if (form.rank() == 0 || !(fresh.shape() == batch_of(count, form)))
    throw std::invalid_argument("[replay] asked for " + std::to_string(count) + " fresh chains, got " +
                                to_string(fresh.shape()));
  return fresh;
}

int64_t ReplayBuffer::size() const {
  if (options_.policy == Policy::in_place) return options_.capacity;
  return int64_t(std::min(offered_, uint64_t(options_.capacity)));
}

Tensor ReplayBuffer::draw(int64_t count) {
  if (count < 1 || count > options_.capacity)
    throw std::invalid_argument("[replay] cannot draw " + std::to_string(count) + " of " +
                                std::to_string(options_.capacity) + " chains");
  const int64_t held = std::min(count, size());
  drawn_ = noise_.permutation(size());
  drawn_.resize(size_t(held));
  Tensor batch = Tensor::empty(batch_of(count, store_.shape()), store_.device());
  store_.read(drawn_, batch);

  const std::vector<real> chance = noise_.uniform({count}).to_host();
  restarted_.assign(size_t(count), false);
  if (options_.restart == 0 && held == count) return batch;
  const Tensor fresh = make_fresh(count);
  for (int64_t i = 0; i < count; ++i) {
    restarted_[size_t(i)] = i >= held || chance[size_t(i)] < options_.restart;
    if (restarted_[size_t(i)]) copy_row(fresh, i, batch, i);
  }
  return batch;
}

void ReplayBuffer::put_back(const Tensor& chains) {
  const bool in_place = options_.policy == Policy::in_place;
  const int64_t count = in_place || chains.rank() == 0 ? int64_t(drawn_.size()) : chains.dim(0);
  const Shape expected = batch_of(count, store_.shape());
  if (!(chains.shape() == expected))
    throw std::invalid_argument((in_place ? "[replay] the last draw was " : "[replay] the buffer takes ") +
                                to_string(expected) + ", got " + to_string(chains.shape()));
  store_.write(chains, slots_for(count));
}

std::vector<int64_t> ReplayBuffer::slots_for(int64_t count) {
  if (options_.policy == Policy::in_place) return drawn_;
  const uint64_t capacity = uint64_t(options_.capacity);
  std::vector<int64_t> slots(static_cast<size_t>(count));
  if (options_.policy == Policy::fifo) {
    for (int64_t& slot : slots) slot = int64_t(offered_++ % capacity);
    return slots;
  }
  // Algorithm R: chain n is kept with probability capacity / n, in a slot that any chain is equally likely to leave.
  const std::vector<int64_t> words = noise_.integers(count, int64_t(1) << 32);
  slots = noise_.integers(count, options_.capacity);
  for (size_t i = 0; i < slots.size(); ++i) {
    const uint64_t n = ++offered_;
    if (n <= capacity)
      slots[i] = int64_t(n - 1);
    else if (double(words[i]) * 0x1p-32 * double(n) >= double(capacity))
      slots[i] = -1;
  }
  return slots;
}

void ReplayBuffer::visit(Visitor& v) {
  store_.visit(v);
  if (options_.policy != Policy::in_place) v.counter("offered", offered_);
  v.sub("noise", noise_);
}

}  // namespace erg
