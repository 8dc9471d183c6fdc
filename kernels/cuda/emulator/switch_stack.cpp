#include "switch_stack.h"

#include <cstdint>
#include <new>

#if defined(__x86_64__) && !defined(ERG_EMULATOR_UCONTEXT)

// Who calls a function expects that it leaves some registers as they were: by the System V ABI rbx, rbp, r12 to r15 and
// the stack pointer rsp. These are all that make up the caller's place in its work. So they go on its stack, rsp is
// stored through the first argument (rdi) and replaced by the second (rsi), and everything comes back from the stack
// that was left like this before, the address to return to last. Floating-point modes are the same everywhere.
extern "C" void erg_emulator_switch_stack(void** from, void* to);
asm(R"(
.text
.type erg_emulator_switch_stack, @function
erg_emulator_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size erg_emulator_switch_stack, .-erg_emulator_switch_stack
)");

namespace erg::emulator {

void switch_stack(void** from, void* to) { erg_emulator_switch_stack(from, to); }

// What the switch expects on a stack, written by hand: six registers and an address to return to. Above it stands the
// return address of `begin` itself: 0, where a debugger's backtrace ends.
void* first_context(char* stack, size_t bytes, void (*begin)()) {
  auto* top = reinterpret_cast<uint64_t*>(stack + bytes);
  *--top = 0;
  *--top = reinterpret_cast<uint64_t>(begin);
  for (int saved = 0; saved < 6; ++saved) *--top = 0;
  return top;
}

}  // namespace erg::emulator

#else

// On other processors the C library does it, which is slower: it also saves the signal mask, by a system call.
#include <ucontext.h>

namespace erg::emulator {

void switch_stack(void** from, void* to) {
  ucontext_t here;  // on the stack that is left, and so kept
  *from = &here;
  swapcontext(&here, static_cast<ucontext_t*>(to));
}

void* first_context(char* stack, size_t bytes, void (*begin)()) {
  auto* context = new (stack) ucontext_t;  // at the end that the stack reaches last
  getcontext(context);
  context->uc_stack.ss_sp = stack + sizeof(ucontext_t);
  context->uc_stack.ss_size = bytes - sizeof(ucontext_t);
  makecontext(context, begin, 0);
  return context;
}

}  // namespace erg::emulator

#endif
