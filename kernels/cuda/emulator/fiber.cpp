#include "fiber.h"

#include <sys/mman.h>

#include <new>

#include "switch_stack.h"

namespace erg::emulator {
namespace {

// Of the switch under way: whose stack is left, and whose is come to.
Fiber* leaving;
Fiber* arriving;

}  // namespace

Fiber::Fiber(void (*entry)()) : entry_(entry) {
  void* mapping = mmap(nullptr, guard_bytes + stack_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  mprotect(mapping, guard_bytes, PROT_NONE);
  stack_ = static_cast<char*>(mapping) + guard_bytes;
  context_ = first_context(stack_, stack_bytes, begin);
#if ERG_ASAN
  asan_ = {stack_, stack_bytes, nullptr};
#endif
}

Fiber::~Fiber() {
  if (stack_) munmap(stack_ - guard_bytes, guard_bytes + stack_bytes);
}

bool Fiber::guards(const void* address) const { return address >= stack_ - guard_bytes && address < stack_; }

void Fiber::switch_to(Fiber& from, Fiber& to) {
  leaving = &from;
  arriving = &to;
#if ERG_ASAN
  __sanitizer_start_switch_fiber(&from.asan_.fake_stack, to.asan_.bottom, to.asan_.bytes);
#endif
  switch_stack(&from.context_, to.context_);
  arrive();
}

/// The end of a switch, on the new stack. AddressSanitizer says here where the old stack lies: for a fiber that is the
/// program's own stack, this is how we learn it.
void Fiber::arrive() {
#if ERG_ASAN
  __sanitizer_finish_switch_fiber(arriving->asan_.fake_stack, &leaving->asan_.bottom, &leaving->asan_.bytes);
#endif
}

/// The first function on a new stack.
void Fiber::begin() {
  arrive();
  arriving->entry_();
  __builtin_unreachable();
}

}  // namespace erg::emulator
