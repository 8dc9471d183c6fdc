// A fiber: a stack of its own, and a place in a function where it goes on when it is switched to. Nothing runs at the
// same time; a fiber runs until it switches to another itself.
#pragma once

#include <cstddef>

#include "../../sanitizer.h"

namespace erg::emulator {

class Fiber {
 public:
  /// The stack that the caller already runs on, so that fibers can switch back to it.
  Fiber() = default;
  /// A new stack, on which `entry` begins at the first switch. It must never return.
  explicit Fiber(void (*entry)());
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Leaves `from`, the fiber that runs, and goes on in `to`. Returns when somebody switches back to `from`.
  static void switch_to(Fiber& from, Fiber& to);

  /// Whether an address lies just below the stack, where nobody may touch memory and a stack that overflows is caught.
  bool guards(const void* address) const;

  /// Enough for any kernel's locals, compiled without optimisation too. Pages never touched cost nothing.
  static constexpr size_t stack_bytes = 256 * 1024, guard_bytes = 64 * 1024;

 private:
  [[noreturn]] static void begin();
  static void arrive();

  void (*entry_)() = nullptr;
  char* stack_ = nullptr;    // its lowest address; null for the stack of the caller
  void* context_ = nullptr;  // where it goes on
#if ERG_ASAN
  struct {
    const void* bottom;
    size_t bytes;
    void* fake_stack;
  } asan_{};
#endif
};

}  // namespace erg::emulator
