// Consecutive elements, four at a time: a thread moves four floats with one 16-byte access (four bytes with one of
// four), which is how few threads keep a GPU's memory busy.
//
// A launch walks n elements as a row of fours. Arrays that do not allow such accesses, and the fours at either end of
// which only some elements exist, are moved one by one by the same loop:
//
//   const Fours fours = fours_of(n, 0, x, y);                                  // on the host
//   launch_walk(kernel, fours.count(), stream, fours, x, y);
//
//   for (int64_t i = thread_index(); i < fours.count(); i += thread_count()) {  // on the device
//     const Part part = fours.part(i);
//     store(y, part, f(load(x, part)));
//   }
#pragma once

#include "portable.cuh"

namespace erg::kernels::cuda {

/// Neighbouring elements that one access moves.
template <class T, int width>
struct alignas(width * sizeof(T)) Vector {
  T at[width];
};

template <class T>
using Four = Vector<T, 4>;

/// The elements [start, start + 4) of an array, of which those from start + begin to start + end exist.
struct Part {
  int64_t start;
  int begin, end;
  bool whole;  // all four exist, and one access moves them

  ERG_HD bool has(int k) const { return begin <= k && k < end; }
};

/// The elements of a part; zero where there is none.
template <class T>
ERG_HD Four<T> load(const T* x, const Part& part) {
  if (part.whole) return *reinterpret_cast<const Four<T>*>(x + part.start);
  Four<T> four{};
  for (int k = 0; k < 4; ++k)
    if (part.has(k)) four.at[k] = x[part.start + k];
  return four;
}

template <class T>
ERG_HD void store(T* y, const Part& part, const Four<T>& four) {
  if (part.whole) {
    *reinterpret_cast<Four<T>*>(y + part.start) = four;
    return;
  }
  for (int k = 0; k < 4; ++k)
    if (part.has(k)) y[part.start + k] = four.at[k];
}

/// Elements [0, n) as fours, the first of which begins `lead` elements earlier, 0 <= lead < 4.
struct Fours {
  int64_t n;
  int lead;
  bool aligned;

  ERG_HD int64_t count() const { return n == 0 ? 0 : (lead + n + 3) / 4; }
  ERG_HD Part part(int64_t i) const {
    const int64_t start = 4 * i - lead;
    const int begin = start < 0 ? int(-start) : 0;
    const int end = n - start < 4 ? int(n - start) : 4;
    return {start, begin, end, aligned && end - begin == 4};
  }
};

/// Whether x[start] may be the first of four elements that one access moves.
template <class T>
bool is_aligned(const T* x, int64_t start = 0) {
  return (reinterpret_cast<uintptr_t>(x) + uintptr_t(start) * sizeof(T)) % sizeof(Four<T>) == 0;
}

/// For arrays that are walked side by side.
template <class... T>
Fours fours_of(int64_t n, int lead, const T*... arrays) {
  return {n, lead, (is_aligned(arrays, -lead) && ...)};
}

// A walk: the threads of all blocks in a row take units of work 0, 1, 2, ..., and go on in steps of as many as there
// are.
__device__ __forceinline__ int64_t thread_index() { return int64_t(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ __forceinline__ int64_t thread_count() { return int64_t(gridDim.x) * blockDim.x; }

inline constexpr int walk_threads = 256;

/// A multiprocessor runs about eight blocks at a time. It gets many times that, so that the last ones, which may not
/// fill it, weigh little; but not so many that a long walk is one step for each thread, who has things to get ready.
inline constexpr int64_t walk_blocks_per_multiprocessor = 64;

/// Launches a kernel that walks `count` units, in blocks of walk_threads.
template <class... P, class... A>
void launch_walk(void (*kernel)(P...), int64_t count, const Stream& stream, const A&... arguments) {
  launch(kernel, grid_for(stream, count, walk_threads, walk_blocks_per_multiprocessor), walk_threads, 0, stream,
         arguments...);
}

}  // namespace erg::kernels::cuda
