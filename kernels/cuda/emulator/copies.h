// Asynchronous copies into shared memory (cp.async), as slow as the PTX manual allows: the destination is NaN from the
// copy's issue, and the bytes arrive only when the thread waits for them.
#pragma once

#include <cstddef>
#include <vector>

namespace erg::emulator {

/// The copies a thread has under way.
class CopyQueue {
 public:
  void issue(void* to, const void* from, size_t bytes, bool valid);
  /// Makes a group of the copies issued since the last commit; possibly an empty one.
  void commit() { group_ends_.push_back(copies_.size()); }
  /// Completes the oldest groups until at most `open` are left. Copies in no group are not waited for.
  void wait(size_t open);
  size_t under_way() const { return copies_.size(); }
  void clear();

 private:
  struct Copy {
    void* to;
    const void* from;
    size_t bytes;
    bool valid;
  };
  std::vector<Copy> copies_;  // oldest first
  std::vector<size_t> group_ends_;
};

/// The running thread issues a copy of `bytes`, or of as many zeros where !valid, if it may. `call` is its name.
void copy_async(const char* call, void* to, const void* from, size_t bytes, bool valid);

}  // namespace erg::emulator
