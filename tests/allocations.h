// Replaces operator new, to see how much memory is asked for at once. For one source file of a program.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

size_t largest_request = 0;  // of memory, since it was last set to 0

void* allocate(size_t size, size_t alignment) {
  largest_request = std::max(largest_request, size);
  void* block = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  return block ? block : throw std::bad_alloc();
}

}  // namespace

// Not inlined: g++ would see a new that was not replaced beside a delete that was, and warn.
[[gnu::noinline]] void* operator new(size_t size) { return allocate(size, alignof(std::max_align_t)); }
[[gnu::noinline]] void* operator new(size_t size, std::align_val_t align) { return allocate(size, size_t(align)); }
[[gnu::noinline]] void operator delete(void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, size_t) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, size_t, std::align_val_t) noexcept { std::free(block); }
