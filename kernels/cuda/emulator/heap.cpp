#include "heap.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <iterator>
#include <new>

#include "../../sanitizer.h"
#include "environment.h"
#include "report.h"

namespace erg::emulator {
namespace {

constexpr size_t alignment = 256, huge_page = 2 << 20;

constexpr size_t round_up(size_t bytes, size_t multiple) { return (bytes + multiple - 1) / multiple * multiple; }

/// What lies behind every block: a NaN that nobody computes, 0xFFC0FFEE, so that reading it shows and writing it too.
/// The pattern begins at a multiple of 4.
struct Redzone {
  static constexpr size_t least = 256, most = least + alignment;
  unsigned char bytes[most + 4];
  Redzone() {
    constexpr unsigned char word[4] = {0xEE, 0xFF, 0xC0, 0xFF};
    for (size_t i = 0; i < sizeof bytes; ++i) bytes[i] = word[i % 4];
  }
  const unsigned char* at(const char* address) const { return bytes + reinterpret_cast<uintptr_t>(address) % 4; }
};
const Redzone redzone;

}  // namespace

Heap& Heap::instance() {
  static Heap& heap = *new Heap;  // never destroyed: static variables may hold device memory to the very end
  return heap;
}

Heap::Heap() : limit_(size_t(environment("ERG_EMULATOR_MEMORY", 8192)) << 20) {
  room_ = 2 * limit_ + (size_t(1) << 30);  // addresses cost nothing: redzones and gaps do not count against the limit
  void* mapping = mmap(nullptr, room_ + huge_page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  base_ = top_ = reinterpret_cast<char*>(round_up(reinterpret_cast<uintptr_t>(mapping), huge_page));
  madvise(base_, room_, MADV_HUGEPAGE);  // fewer pages to open and close: a hundred times faster, where there are any
}

void Heap::protect(int more) {
  const bool was_open = is_open();
  open_ += more;
  if (is_open() == was_open || top_ == base_) return;
  if (mprotect(base_, round_up(size_t(top_ - base_), huge_page), is_open() ? PROT_READ | PROT_WRITE : PROT_NONE) != 0)
    throw std::bad_alloc();
}

/// The lowest free addresses, or new ones from the top.
char* Heap::take(size_t extent) {
  for (auto [block, size] : free_) {
    if (size < extent) continue;
    free_.erase(block);
    if (size > extent) free_[block + extent] = size - extent;
    return block;
  }
  if (extent > size_t(base_ + room_ - top_)) return nullptr;
  char* const block = top_;
  top_ += extent;
  return block;
}

void Heap::give_back(char* block, size_t extent) {
  auto place = free_.emplace(block, extent).first;
  if (const auto after = std::next(place); after != free_.end() && block + extent == after->first) {
    place->second += after->second;
    free_.erase(after);
  }
  if (place == free_.begin()) return;
  if (const auto before = std::prev(place); before->first + before->second == block) {
    before->second += place->second;
    free_.erase(place);
  }
}

void* Heap::allocate(size_t bytes) {
  if (bytes > limit_ - used_) return nullptr;
  const size_t extent = round_up(bytes + Redzone::least, alignment);
  char* const block = take(extent);
  if (!block) return nullptr;
  live_[block] = {bytes, extent};
  used_ += bytes;
  const Open open;
  kernels::unpoison(block, extent);
  std::memset(block, 0xFF, bytes);
  std::memcpy(block + bytes, redzone.at(block + bytes), extent - bytes);
  kernels::poison(block + bytes, extent - bytes);
  return block;
}

bool Heap::release(void* block) {
  const auto found = live_.find(static_cast<char*>(block));
  if (found == live_.end()) return false;
  const auto [begin, size] = *found;
  {
    const Open open;
    std::memset(begin, 0xFF, size.bytes);
  }
  kernels::poison(begin, size.extent);
  live_.erase(found);
  used_ -= size.bytes;
  give_back(begin, size.extent);
  return true;
}

bool Heap::reserves(const void* address) const { return address >= base_ && address < base_ + room_; }

bool Heap::contains(const void* address, size_t bytes) const {
  const char* const p = static_cast<const char*>(address);
  auto after = live_.upper_bound(const_cast<char*>(p));
  if (after == live_.begin()) return false;
  const auto& [begin, size] = *std::prev(after);
  const size_t offset = size_t(p - begin);
  return offset <= size.bytes && bytes <= size.bytes - offset;
}

void Heap::check_redzones() const {
  if (ERG_ASAN) return;  // which sees the store itself
  for (const auto& [begin, size] : live_) {
    const char* const end = begin + size.bytes;
    const size_t length = size.extent - size.bytes;
    const unsigned char* const wanted = redzone.at(end);
    if (std::memcmp(end, wanted, length) == 0) continue;
    size_t changed = 0;
    for (size_t i = 0; i < length; ++i) changed += static_cast<unsigned char>(end[i]) != wanted[i];
    report(Culprit::kernel, "wrote %zu bytes past the end of a block of %zu bytes at %p", changed, size.bytes,
           static_cast<const void*>(begin));
  }
}

}  // namespace erg::emulator
