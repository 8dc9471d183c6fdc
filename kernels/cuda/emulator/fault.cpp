#include "fault.h"

#include <signal.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

#include "../../sanitizer.h"
#include "block.h"
#include "heap.h"
#include "report.h"
#include "shared_memory.h"

namespace erg::emulator {
namespace {

struct sigaction previous;

// The handler prints, which a signal handler should not; but the program ends here in any case.
void explain(const void* address) {
  const SharedMemory& shared = SharedMemory::instance();
  Block* const block = Block::running();
  if (Heap::instance().reserves(address)) {
    if (!Heap::instance().is_open())
      report(Culprit::host, "read or wrote device memory at %p, which only kernels and copies may", address);
    report(block ? Culprit::thread : Culprit::host, "access to %p, far from any block of device memory", address);
  }
  if (!block) return;
  if (shared.guards(address))
    report(Culprit::thread, "access to %p, %td bytes from the beginning of %zu bytes of shared memory", address,
           static_cast<const char*>(address) - static_cast<const char*>(shared.begin()), shared.bytes());
  if (block->current().fiber->guards(address))
    report(Culprit::thread, "stack overflow: more than %zu KiB of local variables", Fiber::stack_bytes / 1024);
  std::fprintf(stderr, "erg emulator: %s: fault at %p, which is neither device nor shared memory%s\n",
               describe(Culprit::thread).c_str(), address,
               address ? "" : "; nothing tells a null pointer from a float4 that is not at a multiple of 16");
}

void handle(int signal, siginfo_t* information, void* context) {
  explain(information->si_addr);
  if (previous.sa_flags & SA_SIGINFO) return previous.sa_sigaction(signal, information, context);
  if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) return previous.sa_handler(signal);
  ::signal(signal, SIG_DFL);  // and come back to the same instruction
}

/// A stack to handle faults on: that of the thread may be the one that overflowed.
void give_alternate_stack() {
  stack_t stack;
  sigaltstack(nullptr, &stack);
  if (!(stack.ss_flags & SS_DISABLE)) return;
  constexpr size_t bytes = 256 * 1024;
  stack = {};
  stack.ss_sp = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack.ss_size = bytes;
  if (stack.ss_sp != MAP_FAILED) sigaltstack(&stack, nullptr);
}

}  // namespace

void install_fault_handler() {
  static const bool once = [] {
    struct sigaction action {};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, &previous);
    return true;
  }();
  (void)once;
  thread_local const bool once_here = (give_alternate_stack(), true);
  (void)once_here;
}

}  // namespace erg::emulator

#if ERG_ASAN
/// AddressSanitizer calls this before its own report.
extern "C" void __asan_on_error() {
  using namespace erg::emulator;
  if (Block::running())
    std::fprintf(stderr, "erg emulator: %s: AddressSanitizer found this:\n", describe(Culprit::thread).c_str());
}
#endif
