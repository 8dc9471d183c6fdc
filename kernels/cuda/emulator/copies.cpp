#include "copies.h"

#include <cstdint>
#include <cstring>

#include "block.h"
#include "heap.h"
#include "report.h"
#include "shared_memory.h"

namespace erg::emulator {

void CopyQueue::issue(void* to, const void* from, size_t bytes, bool valid) {
  std::memset(to, 0xFF, bytes);
  copies_.push_back({to, from, bytes, valid});
}

void CopyQueue::wait(size_t open) {
  if (group_ends_.size() <= open) return;
  const size_t groups = group_ends_.size() - open;
  const size_t done = group_ends_[groups - 1];
  for (size_t i = 0; i < done; ++i) {
    const Copy& copy = copies_[i];
    if (copy.valid)
      std::memcpy(copy.to, copy.from, copy.bytes);
    else
      std::memset(copy.to, 0, copy.bytes);
  }
  copies_.erase(copies_.begin(), copies_.begin() + ptrdiff_t(done));
  group_ends_.erase(group_ends_.begin(), group_ends_.begin() + ptrdiff_t(groups));
  for (size_t& end : group_ends_) end -= done;
}

void CopyQueue::clear() {
  copies_.clear();
  group_ends_.clear();
}

void copy_async(const char* call, void* to, const void* from, size_t bytes, bool valid) {
  if ((reinterpret_cast<uintptr_t>(to) | reinterpret_cast<uintptr_t>(from)) % bytes)
    report(Culprit::thread, "misaligned %s from %p to %p, which are not both multiples of %zu", call, from, to, bytes);
  if (!SharedMemory::instance().contains(to, bytes))
    report(Culprit::thread, "%s to %p, which is not in the block's %zu bytes of shared memory", call, to,
           SharedMemory::instance().bytes());
  if (valid && !Heap::instance().reserves(from))
    report(Culprit::thread, "%s from %p, which is not device memory", call, from);
  Block::running()->current().copies.issue(to, from, bytes, valid);
}

}  // namespace erg::emulator
