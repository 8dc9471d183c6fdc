#include "order.h"

#include <algorithm>
#include <numeric>

#include "environment.h"

namespace erg::emulator {
namespace {

uint64_t& seed() {
  static uint64_t value = environment("ERG_EMULATOR_SEED", first_to_last);
  return value;
}

/// A step of SplitMix64 (Steele, Lea & Flood 2014).
uint64_t random_word(uint64_t& state) {
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

}  // namespace

void set_order(uint64_t value) { seed() = value; }
uint64_t order() { return seed(); }

void arrange(std::vector<unsigned>& items, uint64_t salt) {
  std::iota(items.begin(), items.end(), 0u);
  if (order() == first_to_last) return;
  if (order() == last_to_first) return std::reverse(items.begin(), items.end());
  uint64_t state = order() ^ salt << 32;
  for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random_word(state) % i]);
}

}  // namespace erg::emulator
