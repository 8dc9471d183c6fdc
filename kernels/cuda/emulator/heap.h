// The device's memory: one range of addresses that the host may not touch. It is opened while a kernel or a copy runs
// and closed again, so that host code which follows a device pointer stops the program at once.
#pragma once

#include <cstddef>
#include <map>

namespace erg::emulator {

class Heap {
 public:
  static Heap& instance();

  /// 256-byte aligned, full of NaN; null when there is no room.
  void* allocate(size_t bytes);
  /// False if no block begins there.
  bool release(void* block);

  /// Whether an address belongs to the device, allocated or not.
  bool reserves(const void* address) const;
  /// Whether all bytes of a range lie in one allocated block.
  bool contains(const void* address, size_t bytes) const;

  /// How much may be allocated: ERG_EMULATOR_MEMORY (in MiB), or 8 GiB.
  size_t limit() const { return limit_; }
  size_t used() const { return used_; }

  /// Reports the running kernel if it wrote behind a block.
  void check_redzones() const;

  /// While one of these lives, device memory can be read and written.
  class Open {
   public:
    Open() { instance().protect(+1); }
    ~Open() { instance().protect(-1); }
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;
  };
  bool is_open() const { return open_ > 0; }

 private:
  Heap();
  void protect(int more);
  char* take(size_t extent);
  void give_back(char* block, size_t extent);

  struct Extent {
    size_t bytes, extent;  // asked for; taken, with the redzone
  };
  char* base_;
  char* top_;  // nothing was ever allocated from here on
  size_t room_, limit_, used_ = 0;
  int open_ = 0;
  std::map<char*, Extent> live_;
  std::map<char*, size_t> free_;
};

}  // namespace erg::emulator
