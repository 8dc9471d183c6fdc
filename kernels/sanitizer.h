// AddressSanitizer's hooks, which are nothing in a build without it. Who hands out parts of larger blocks says with
// them which bytes are whose: to AddressSanitizer a block that waits in a pool is ordinary memory, and so is the rest
// of one that is larger than what was asked for.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define ERG_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ERG_ASAN 1
#endif
#endif
#ifndef ERG_ASAN
#define ERG_ASAN 0
#endif

#if ERG_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace erg::kernels {

/// From here on, an instrumented access to these bytes is an error.
inline void poison([[maybe_unused]] const void* begin, [[maybe_unused]] size_t bytes) {
#if ERG_ASAN
  __asan_poison_memory_region(begin, bytes);
#endif
}

/// They may be used again.
inline void unpoison([[maybe_unused]] const void* begin, [[maybe_unused]] size_t bytes) {
#if ERG_ASAN
  __asan_unpoison_memory_region(begin, bytes);
#endif
}

}  // namespace erg::kernels
