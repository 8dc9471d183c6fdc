#include "storage.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <limits>
#include <new>
#include <stdexcept>
#include <utility>

namespace erg {

namespace {
constexpr std::align_val_t alignment{64};
}

Pool& Pool::of(Device device) {
  // Leaked on purpose: tensors in static variables may outlive any destructor order we could choose.
  static Pool* const cpu = new Pool;
  if (device.kind != Device::Kind::cpu) throw std::runtime_error("[pool] this build has no CUDA; use the CPU");
  return *cpu;
}

// Buckets hold 16, 20, 24, 28, 32, 40, 48, 56, 64, ... reals: four per octave, at most 25 % waste.
int64_t Pool::bucket_size(int bucket) { return int64_t(4 + bucket % 4) << (2 + bucket / 4); }

int Pool::bucket_of(int64_t n) {
  if (n <= 16) return 0;
  const int octave = std::bit_width(uint64_t(n - 1)) - 5;  // 16 < n <= 32 is octave 0
  const int64_t quarter = int64_t(4) << octave;
  return 4 * octave + int((n - 1) / quarter) - 3;
}

real* Pool::take(int64_t n) {
  if (n < 0 || n > bucket_size(buckets - 1)) throw std::bad_alloc();
  const int bucket = bucket_of(n);
  const int64_t size = bucket_size(bucket), bytes = size * int64_t(sizeof(real));
  std::lock_guard lock(mutex_);
  auto& list = free_[bucket];
  real* block;
  if (list.empty()) {
    block = static_cast<real*>(::operator new(size_t(bytes), alignment));
    ++stats_.system_allocations;
    // Room for every block of this size, so that give_back never allocates.
    if (++owned_[bucket] > list.capacity()) list.reserve(2 * owned_[bucket]);
  } else {
    block = list.back();
    list.pop_back();
    stats_.cached_bytes -= bytes;
  }
  ++stats_.live_blocks;
  stats_.live_bytes += bytes;
  if (poison_) std::fill_n(block, size, std::numeric_limits<real>::quiet_NaN());
  return block;
}

void Pool::give_back(real* block, int64_t n) noexcept {
  const int bucket = bucket_of(n);
  const int64_t bytes = bucket_size(bucket) * int64_t(sizeof(real));
  std::lock_guard lock(mutex_);
  free_[bucket].push_back(block);
  --stats_.live_blocks;
  stats_.live_bytes -= bytes;
  stats_.cached_bytes += bytes;
}

void Pool::release() {
  std::lock_guard lock(mutex_);
  for (auto& list : free_) {
    for (real* block : list) ::operator delete(block, alignment);
    owned_[&list - free_] -= list.size();
    list.clear();
  }
  stats_.cached_bytes = 0;
}

Pool::Stats Pool::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

void Pool::poison(bool on) {
  std::lock_guard lock(mutex_);
  poison_ = on;
}

Storage::Storage(Device device, int64_t size) : device_(device), size_(size), data_(Pool::of(device).take(size)) {}

Storage::Storage(std::shared_ptr<Storage> arena, int64_t offset, int64_t size)
    : device_(arena->device_), size_(size), data_(arena->data_ + offset), arena_(std::move(arena)) {
  if (offset < 0 || size < 0 || offset + size > arena_->size_)
    throw std::out_of_range("[storage] slice outside its arena");
}

Storage::~Storage() {
  if (!arena_) Pool::of(device_).give_back(data_, size_);
}

}  // namespace erg
