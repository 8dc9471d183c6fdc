// The block's shared memory. It ends where a page begins that nobody may touch, so that a store far behind it stops the
// program at once, and it has margins whose contents are known, so that a store just beside it is found when the block
// is done.
#pragma once

#include <cstddef>

namespace erg::emulator {

class SharedMemory {
 public:
  static SharedMemory& instance();

  /// What a kernel may have at most (227 KiB on sm_90), and what it may have without asking.
  static constexpr size_t limit = 227 * 1024, default_limit = 48 * 1024;

  /// Makes a block's memory of `bytes`, 16-byte aligned, full of NaN.
  void prepare(size_t bytes);
  /// Reports the running block if it wrote into a margin.
  void check_margins() const;

  void* begin() const { return begin_; }
  size_t bytes() const { return bytes_; }
  bool contains(const void* address, size_t count) const;
  /// Whether a fault at an address was meant for this memory.
  bool guards(const void* address) const;

 private:
  SharedMemory();

  char* mapping_;
  char* begin_;
  size_t bytes_ = 0;
};

}  // namespace erg::emulator
