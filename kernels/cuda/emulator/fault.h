// Bad addresses: the handler of SIGSEGV, which says what an address was meant for.
#pragma once

namespace erg::emulator {

/// Installs the handler, once, and gives the calling thread a stack to run it on. Faults that are not the emulator's go
/// to the handler that was there before.
void install_fault_handler();

}  // namespace erg::emulator
