// One launch of a kernel: the blocks of the grid, one after another, on the host thread that asks.
#pragma once

#include <cstddef>
#include <functional>

#include "language.h"

namespace erg::emulator {

struct Launch {
  const void* kernel;  // the function's address, by which it is named
  dim3 grid, block;
  size_t shared_bytes;
  std::function<void()> body;  // one thread's work: the kernel with its arguments
};

void run(const Launch& launch);

/// The launch under way; null if there is none.
const Launch* running_launch();

}  // namespace erg::emulator
