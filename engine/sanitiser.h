// Tells AddressSanitizer which part of a pooled block is whose: to it, a cached block would be ordinary memory, and so
// would the rest of a block that is larger than what was asked for. Without the sanitiser these do nothing.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define ERG_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ERG_ADDRESS_SANITIZER 1
#endif
#endif

#ifdef ERG_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace erg {

/// Nobody may touch these bytes.
inline void forbid([[maybe_unused]] const void* begin, [[maybe_unused]] size_t bytes) {
#ifdef ERG_ADDRESS_SANITIZER
  ASAN_POISON_MEMORY_REGION(begin, bytes);
#endif
}

/// They may be used again.
inline void allow([[maybe_unused]] const void* begin, [[maybe_unused]] size_t bytes) {
#ifdef ERG_ADDRESS_SANITIZER
  ASAN_UNPOISON_MEMORY_REGION(begin, bytes);
#endif
}

}  // namespace erg
