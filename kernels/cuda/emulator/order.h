// The order in which blocks run, and the threads of a block. A kernel's result may not depend on it.
#pragma once

#include <cstdint>
#include <vector>

namespace erg::emulator {

inline constexpr uint64_t first_to_last = 0, last_to_first = 1;

/// Any other seed shuffles. Until this is called, the seed is ERG_EMULATOR_SEED, or first_to_last.
void set_order(uint64_t seed);
uint64_t order();

/// Makes `items` the numbers below items.size(), in the order that was set. Shuffles differ with `salt`.
void arrange(std::vector<unsigned>& items, uint64_t salt);

/// Calls `run` under several orders, and sets the order that was. Take two accesses of a block to the same place, by
/// threads which no barrier or exchange of their warps keeps apart: one comes first from first to last, the other from
/// last to first. So if a barrier is missing and it matters, the results of `run` differ.
template <class Run>
void in_every_order(const Run& run) {
  const uint64_t before = order();
  for (const uint64_t seed : {first_to_last, last_to_first, uint64_t(2), uint64_t(3)}) {
    set_order(seed);
    run();
  }
  set_order(before);
}

}  // namespace erg::emulator
