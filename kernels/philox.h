// Random words as a pure function of a counter, and the numbers made from them, for the CPU and CUDA alike.
//
// Philox4x32 (Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3; the
// reference is Random123) scrambles a 128-bit counter under a 64-bit key. It has no state: any element of any draw
// can be computed on its own, which is why a draw does not depend on threads, blocks or order. random.h says which
// counter belongs to which element.
#pragma once

#include "math.h"
#include "stream.h"

/// Random words.
namespace erg::philox {

/// A counter, or what Philox makes of it.
struct Block {
  uint32_t word[4];
};

inline constexpr uint32_t multiplier0 = 0xD2511F53u, multiplier1 = 0xCD9E8D57u;
inline constexpr uint32_t key_step0 = 0x9E3779B9u, key_step1 = 0xBB67AE85u;  // golden ratio, sqrt(3) - 1
inline constexpr int standard_rounds = 10;

/// Philox4x32. Draws use the standard's 10 rounds.
template <int rounds = standard_rounds>
ERG_HD Block generate(Block x, uint64_t key) {
  uint32_t key0 = uint32_t(key), key1 = uint32_t(key >> 32);
  for (int round = 0; round < rounds; ++round) {
    const uint64_t product0 = uint64_t(x.word[0]) * multiplier0;
    const uint64_t product1 = uint64_t(x.word[2]) * multiplier1;
    x = {{uint32_t(product1 >> 32) ^ x.word[1] ^ key0, uint32_t(product1), uint32_t(product0 >> 32) ^ x.word[3] ^ key1,
          uint32_t(product0)}};
    key0 += key_step0;
    key1 += key_step1;
  }
  return x;
}

/// The words of elements [4 index, 4 index + 4) of a draw.
ERG_HD Block draw(uint64_t index, uint32_t step, uint32_t stream, uint64_t seed) {
  return generate({{uint32_t(index), uint32_t(index >> 32), step, stream}}, seed);
}

/// A word as a number in [0, 1): its upper 24 bits, which a float holds exactly.
template <class T>
ERG_HD T unit(uint32_t word) {
  return T(int32_t(word >> 8)) * T(0x1p-24);
}

/// low + (high - low) u. `last` is the largest number below high: rounding must not reach high itself.
template <class T>
ERG_HD T uniform(uint32_t word, T low, T high, T last) {
  const T y = low + (high - low) * unit<T>(word);
  return y < last ? y : last;
}

/// Two numbers made at once.
template <class T>
struct NormalPair {
  T first, second;
};

/// ln u, where u = (word + 1/2) / 2^32 uses all 32 bits. Adding the word's halves rounds once; u may round to 1 but
/// never to 0, and its logarithm is never rounded to above 0.
template <class T>
ERG_HD T log_unit(uint32_t word) {
  const T upper = T(int32_t(word >> 16)), lower = T(int32_t(word & 0xFFFFu));
  return math::log_positive(upper * T(0x1p-16) + (lower * T(0x1p-32) + T(0x1p-33)));
}

/// Two independent N(0, 1) numbers (Box & Muller 1958): a vector of length sqrt(-2 ln u), which reaches 6.76 standard
/// deviations, in the direction of pi times a signed word / 2^31.
template <class T>
ERG_HD NormalPair<T> normal_pair(T log_u, uint32_t angle_word) {
  const T radius = math::sqrt(-2 * log_u);
  const math::SinCos<T> angle = math::sincos_of_word<T>(angle_word);
  return {radius * angle.cos, radius * angle.sin};
}

/// The same of two words.
template <class T>
ERG_HD NormalPair<T> box_muller(uint32_t radius_word, uint32_t angle_word) {
  return normal_pair(log_unit<T>(radius_word), angle_word);
}

}  // namespace erg::philox
