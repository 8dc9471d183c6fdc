// Storage: the memory behind a tensor. Pool: where that memory comes from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "../kernels/stream.h"

namespace erg {

/// A size-bucketed cache of device memory. After the first step of a loop every request is served from it and the
/// system is not asked again. Thread-safe. A device has one pool for everything, which lives until the process ends;
/// a captured graph has one of its own (graph.h), so that nobody else is given the memory its replays write.
class Pool {
 public:
  /// What is in a graph's pool is written by replays, given back or not.
  enum class Use { common, graph };
  /// A pool that holds nothing yet.
  explicit Pool(Device device, Use use = Use::common);
  ~Pool() { release(); }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// The pool of a device. Throws DeviceError for a device this build or machine does not have.
  static Pool& of(Device device);
  /// The pool that serves new storages of a device on this thread: of(device), or what a PoolScope put in its place.
  static const std::shared_ptr<Pool>& serving(Device device);

  /// At least n reals, 64-byte aligned. Throws std::bad_alloc.
  real* take(int64_t n);
  /// Keeps a block that was taken with the same n for the next who asks.
  void give_back(real* block, int64_t n) noexcept;
  /// Returns all cached blocks to the system.
  void release();

  /// What it has done and holds.
  struct Stats {
    int64_t system_allocations = 0;  // how often the system was asked, ever
    int64_t live_blocks = 0;         // blocks in use now
    int64_t live_bytes = 0;
    int64_t cached_bytes = 0;  // held, not in use
  };
  /// All of that now.
  Stats stats() const;
  /// Whose memory it is.
  Device device() const { return device_; }

  /// Fill every block that is handed out with NaN, so that an element no kernel wrote shows. On in debug builds.
  void poison(bool on);

 private:
  static constexpr int buckets = 4 * 48;  // four sizes an octave
  static int bucket_of(int64_t n);
  static int64_t bucket_size(int bucket);

  Device device_;
  bool guarded_;  // the sanitiser is told whose a block is
  mutable std::mutex mutex_;
  std::vector<real*> free_[buckets];
  size_t owned_[buckets] = {};  // blocks of each size, in use or free
  Stats stats_;
#ifdef NDEBUG
  bool poison_ = false;
#else
  bool poison_ = true;
#endif
};

/// While it lives, storages made on this thread come from another pool of that pool's device.
class PoolScope {
 public:
  /// Scopes nest; the innermost serves.
  explicit PoolScope(std::shared_ptr<Pool> pool);
  ~PoolScope();
  PoolScope(const PoolScope&) = delete;
  PoolScope& operator=(const PoolScope&) = delete;

 private:
  std::shared_ptr<Pool> pool_;
  PoolScope* outer_;
  friend class Pool;
};

/// A block of memory and a version that counts its mutations. A slice shares its parent's block (parameters live as
/// slices of an optimiser's flat arena) and has a version of its own.
class Storage {
 public:
  /// A block of its own, uninitialised, for `size` reals. Throws as Pool.
  Storage(Device device, int64_t size);
  /// The slice [offset, offset + size) of an arena.
  Storage(std::shared_ptr<Storage> arena, int64_t offset, int64_t size);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  /// Whose memory it is.
  Device device() const { return device_; }
  /// Number of reals.
  int64_t size() const { return size_; }
  /// Whether the block is an arena's.
  bool is_slice() const { return arena_ != nullptr; }
  /// The memory, on the device.
  const real* data() const { return data_; }
  /// Mutable access: whoever saved this storage's value for a derivative will notice.
  real* mutate() { return ++version_, data_; }
  /// How often it was opened to be written.
  uint32_t version() const { return version_; }

 private:
  Device device_;
  uint32_t version_ = 0;
  int64_t size_;
  std::shared_ptr<Pool> pool_;  // null for slices
  real* data_;
  std::shared_ptr<Storage> arena_;  // set for slices
};

}  // namespace erg
