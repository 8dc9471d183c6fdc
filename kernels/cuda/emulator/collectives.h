// What threads do together: the barriers of a block, and the exchanges of a warp. In the _sync functions a mask names
// the lanes that meet; each of these must come, from the same line and with the same mask.
#pragma once

#include <cstring>

#include "block.h"

namespace erg::emulator {

// ---- Barriers. Every thread of the block must come, from the same line.

inline void __syncthreads(Location where = Location::here()) {
  Block::running()->barrier({"__syncthreads", where}, false);
}

/// How many threads came with a predicate that is true; whether any did; whether all did.
inline int __syncthreads_count(int predicate, Location where = Location::here()) {
  return Block::running()->barrier({"__syncthreads_count", where}, predicate);
}
inline int __syncthreads_or(int predicate, Location where = Location::here()) {
  return Block::running()->barrier({"__syncthreads_or", where}, predicate) > 0;
}
inline int __syncthreads_and(int predicate, Location where = Location::here()) {
  return Block::running()->barrier({"__syncthreads_and", where}, !predicate) == 0;
}

// ---- Votes of a warp

/// A bit for each lane whose predicate is true.
inline uint32_t ballot(Wait wait, uint32_t mask, bool predicate) {
  struct Vote {
    bool predicate;
    uint32_t result;
  } mine{predicate, 0};
  Block::running()->collective(wait, mask, mine, [mask](auto vote_of) {
    uint32_t result = 0;
    for (const unsigned lane : Lanes(mask)) result |= uint32_t(vote_of(lane).predicate) << lane;
    for (const unsigned lane : Lanes(mask)) vote_of(lane).result = result;
  });
  return mine.result;
}

inline void __syncwarp(uint32_t mask = 0xFFFFFFFFu, Location where = Location::here()) {
  ballot({"__syncwarp", where}, mask, false);
}
inline unsigned __ballot_sync(uint32_t mask, int predicate, Location where = Location::here()) {
  return ballot({"__ballot_sync", where}, mask, predicate);
}
inline int __any_sync(uint32_t mask, int predicate, Location where = Location::here()) {
  return ballot({"__any_sync", where}, mask, predicate) != 0;
}
inline int __all_sync(uint32_t mask, int predicate, Location where = Location::here()) {
  return ballot({"__all_sync", where}, mask, predicate) == mask;
}

// ---- Shuffles: each lane reads the value of another. They work within segments of `width` lanes, a power of two: who
// would read beyond keeps its own value, but __shfl_sync counts modulo the width, and __shfl_xor_sync may read earlier
// segments. What a lane reads from one that is not in the mask is NaN.

template <class T>
concept Shuffled = std::is_arithmetic_v<T> &&(sizeof(T) == 4 || sizeof(T) == 8);

template <Shuffled T>
T read_lane(Wait wait, uint32_t mask, T value, unsigned source) {
  struct Exchange {
    T value;
    unsigned source;
    T result;
  } mine{value, source, value};
  std::memset(&mine.result, 0xFF, sizeof mine.result);
  Block::running()->collective(wait, mask, mine, [mask](auto exchange_of) {
    for (const unsigned lane : Lanes(mask)) {
      const unsigned source = exchange_of(lane).source;
      if (mask >> source & 1) exchange_of(lane).result = exchange_of(source).value;
    }
  });
  return mine.result;
}

template <Shuffled T>
T __shfl_sync(uint32_t mask, T value, int source, int width = warpSize, Location where = Location::here()) {
  const unsigned lane = Block::running()->lane(), within = unsigned(width) - 1;
  return read_lane({"__shfl_sync", where}, mask, value, (lane & ~within) | (unsigned(source) & within));
}

template <Shuffled T>
T __shfl_up_sync(uint32_t mask, T value, unsigned delta, int width = warpSize, Location where = Location::here()) {
  const unsigned lane = Block::running()->lane(), within = unsigned(width) - 1;
  return read_lane({"__shfl_up_sync", where}, mask, value, delta <= (lane & within) ? lane - delta : lane);
}

template <Shuffled T>
T __shfl_down_sync(uint32_t mask, T value, unsigned delta, int width = warpSize, Location where = Location::here()) {
  const unsigned lane = Block::running()->lane(), within = unsigned(width) - 1;
  return read_lane({"__shfl_down_sync", where}, mask, value, delta <= within - (lane & within) ? lane + delta : lane);
}

template <Shuffled T>
T __shfl_xor_sync(uint32_t mask, T value, int lane_mask, int width = warpSize, Location where = Location::here()) {
  const unsigned lane = Block::running()->lane(), within = unsigned(width) - 1;
  const unsigned source = (lane ^ unsigned(lane_mask)) % warp_lanes;
  return read_lane({"__shfl_xor_sync", where}, mask, value, source <= (lane | within) ? source : lane);
}

}  // namespace erg::emulator

using erg::emulator::__all_sync;
using erg::emulator::__any_sync;
using erg::emulator::__ballot_sync;
using erg::emulator::__shfl_down_sync;
using erg::emulator::__shfl_sync;
using erg::emulator::__shfl_up_sync;
using erg::emulator::__shfl_xor_sync;
using erg::emulator::__syncthreads;
using erg::emulator::__syncthreads_and;
using erg::emulator::__syncthreads_count;
using erg::emulator::__syncthreads_or;
using erg::emulator::__syncwarp;
