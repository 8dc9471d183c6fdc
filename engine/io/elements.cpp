#include "elements.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace erg::io {

namespace {

template <class T>
real widen(T value) {
  return real(value);
}

/// IEEE 754 binary16, held in its bits: 1 sign, 5 exponent and 10 mantissa bits.
struct Half {
  uint16_t bits;
};

real widen(Half half) {
  const int sign = half.bits >> 15, exponent = half.bits >> 10 & 31, mantissa = half.bits & 1023;
  float magnitude;
  if (exponent == 31) {
    magnitude = mantissa ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::infinity();
  } else if (exponent == 0) {
    magnitude = std::ldexp(float(mantissa), -24);  // subnormal, or zero
  } else {
    magnitude = std::ldexp(float(mantissa + 1024), exponent - 25);
  }
  return sign ? -magnitude : magnitude;
}

/// bfloat16: the upper half of a float.
struct BrainFloat {
  uint16_t bits;
};

real widen(BrainFloat value) { return std::bit_cast<float>(uint32_t(value.bits) << 16); }

/// NumPy's bool: a byte, true unless zero.
struct Boolean {
  uint8_t byte;
};

real widen(Boolean value) { return value.byte != 0; }

template <class T>
void convert(const char* from, int64_t count, real* to) {
  for (int64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, from + i * int64_t(sizeof(T)), sizeof(T));
    to[i] = widen(value);
  }
}

template <class T>
constexpr Element describe() {
  return {sizeof(T), convert<T>};
}

}  // namespace

namespace element {
const Element boolean = describe<Boolean>(), u8 = describe<uint8_t>(), i8 = describe<int8_t>(),
              u16 = describe<uint16_t>(), i16 = describe<int16_t>(), u32 = describe<uint32_t>(),
              i32 = describe<int32_t>(), u64 = describe<uint64_t>(), i64 = describe<int64_t>(), f16 = describe<Half>(),
              bf16 = describe<BrainFloat>(), f32 = describe<float>(), f64 = describe<double>();
}

std::optional<int64_t> packed_bytes(std::span<const int64_t> extents, int64_t element_bytes) {
  // An extent of 0 hides no overflow of the others: a tensor's row has a size too.
  int64_t bytes = element_bytes;
  for (int64_t extent : extents)
    if (__builtin_mul_overflow(bytes, std::max<int64_t>(extent, 1), &bytes)) return std::nullopt;
  return std::ranges::find(extents, 0) == extents.end() ? bytes : 0;
}

}  // namespace erg::io
