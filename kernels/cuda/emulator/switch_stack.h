// The few instructions that C++ has no words for: leaving one stack for another.
#pragma once

#include <cstddef>

namespace erg::emulator {

/// Stores in *from where the caller goes on, and goes on at `to`, which an earlier switch stored or first_context()
/// made. Returns when somebody switches back.
void switch_stack(void** from, void* to);

/// Where to switch to for `begin` to be called on a new stack. It must never return.
void* first_context(char* stack, size_t bytes, void (*begin)());

}  // namespace erg::emulator
