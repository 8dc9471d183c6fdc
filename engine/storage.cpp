#include "storage.h"

#include <bit>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "../kernels/copy.h"
#include "../kernels/sanitizer.h"
#include "device.h"

namespace erg {

namespace {

thread_local constinit PoolScope* innermost = nullptr;

/// Whether the sanitiser can follow a device's memory.
bool is_host_memory([[maybe_unused]] Device device) {
#ifdef ERG_CUDA_EMULATOR
  return true;
#else
  return device.kind == Device::Kind::cpu;
#endif
}

/// The pools for everything, never destroyed: tensors in static variables may outlive any order we could choose.
const std::shared_ptr<Pool>& common_pool(Device device) {
  using Pools = std::vector<std::shared_ptr<Pool>>;
  static const Pools& pools = *[] {
    auto* all = new Pools{std::make_shared<Pool>(cpu_device)};
    for (int i = 0; i < cuda_devices(); ++i) all->push_back(std::make_shared<Pool>(Device{Device::Kind::cuda, i}));
    return all;
  }();
  if (device == cpu_device) return pools[0];
  require(device);
  return pools[size_t(device.index) + 1];
}

}  // namespace

Pool::Pool(Device device, Use use) : device_(device), guarded_(use == Use::common && is_host_memory(device)) {}

Pool& Pool::of(Device device) { return *common_pool(device); }

const std::shared_ptr<Pool>& Pool::serving(Device device) {
  for (const PoolScope* scope = innermost; scope; scope = scope->outer_)
    if (scope->pool_->device() == device) return scope->pool_;
  return common_pool(device);
}

PoolScope::PoolScope(std::shared_ptr<Pool> pool) : pool_(std::move(pool)), outer_(innermost) { innermost = this; }
PoolScope::~PoolScope() { innermost = outer_; }

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
    block = static_cast<real*>(allocate(device_, bytes));
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
  if (guarded_) {
    kernels::unpoison(block, size_t(n) * sizeof(real));
    kernels::poison(block + n, size_t(size - n) * sizeof(real));
  }
  if (poison_) kernels::fill(stream_of(device_), n, std::numeric_limits<real>::quiet_NaN(), block);
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
  if (guarded_) kernels::poison(block, size_t(bytes));
}

void Pool::release() {
  std::lock_guard lock(mutex_);
  for (int bucket = 0; bucket < buckets; ++bucket) {
    for (real* block : free_[bucket]) {
      if (guarded_) kernels::unpoison(block, size_t(bucket_size(bucket)) * sizeof(real));
      erg::release(device_, block);
    }
    owned_[bucket] -= free_[bucket].size();
    free_[bucket].clear();
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

Storage::Storage(Device device, int64_t size)
    : device_(device), size_(size), pool_(Pool::serving(device)), data_(pool_->take(size)) {}

Storage::Storage(std::shared_ptr<Storage> arena, int64_t offset, int64_t size)
    : device_(arena->device_), size_(size), data_(arena->data_ + offset), arena_(std::move(arena)) {
  if (offset < 0 || size < 0 || offset + size > arena_->size_)
    throw std::out_of_range("[storage] slice outside its arena");
}

Storage::~Storage() {
  if (pool_) pool_->give_back(data_, size_);
}

}  // namespace erg
