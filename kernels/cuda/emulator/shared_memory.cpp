#include "shared_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "../../sanitizer.h"
#include "report.h"

namespace erg::emulator {
namespace {

// In the mapping: a guard, the room that blocks use from its end, a guard. All are whole pages, whatever a page is.
constexpr size_t guard = 1 << 20, room = 256 * 1024, mapping_bytes = guard + room + guard;
constexpr size_t margin = 128;
static_assert(SharedMemory::limit + margin <= room);

}  // namespace

SharedMemory& SharedMemory::instance() {
  static SharedMemory memory;
  return memory;
}

SharedMemory::SharedMemory() {
  void* mapping = mmap(nullptr, mapping_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  mapping_ = static_cast<char*>(mapping);
  begin_ = mapping_ + guard + room;
  mprotect(mapping_ + guard, room, PROT_READ | PROT_WRITE);
  std::memset(mapping_ + guard, 0xFF, room);
}

void SharedMemory::prepare(size_t bytes) {
  char* const end = mapping_ + guard + room;
  if (bytes != bytes_) {
    kernels::unpoison(end - room, room);
    std::memset(end - room, 0xFF, room);
    bytes_ = bytes;
    begin_ = end - (bytes + 15) / 16 * 16;
    kernels::poison(end - room, room);
    kernels::unpoison(begin_, bytes);
  }
  std::memset(begin_, 0xFF, bytes);
}

void SharedMemory::check_margins() const {
  if (ERG_ASAN) return;  // which sees the store itself
  const char* const end = mapping_ + guard + room;
  const auto is_clean = [](char byte) { return byte == char(0xFF); };
  if (!std::all_of(begin_ - margin, begin_, is_clean) || !std::all_of<const char*>(begin_ + bytes_, end, is_clean))
    report(Culprit::block, "wrote just outside its %zu bytes of shared memory", bytes_);
}

bool SharedMemory::contains(const void* address, size_t count) const {
  const char* const p = static_cast<const char*>(address);
  return p >= begin_ && p <= begin_ + bytes_ && count <= size_t(begin_ + bytes_ - p);
}

bool SharedMemory::guards(const void* address) const {
  return address >= mapping_ && address < mapping_ + mapping_bytes;
}

}  // namespace erg::emulator
