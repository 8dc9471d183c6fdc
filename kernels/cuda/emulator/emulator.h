// CUDA without a GPU: all that a kernel and its launcher see of it. README.md is the guide.
#pragma once

#include "api.h"
#include "collectives.h"
#include "language.h"
#include "order.h"
#include "shared_memory.h"

namespace erg::emulator {

/// The running block's shared memory.
inline void* shared_memory() { return SharedMemory::instance().begin(); }

}  // namespace erg::emulator
