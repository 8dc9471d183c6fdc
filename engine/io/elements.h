// The number formats that array files hold, and their conversion to `real`. For the parsers of this folder.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <span>

#include "../../kernels/stream.h"

namespace erg::io {

// Every format here is little-endian, and so is every machine that erg runs on.
static_assert(std::endian::native == std::endian::little);

/// One number format: its size and its conversion. `from` need not be aligned.
struct Element {
  int bytes;
  void (*to_real)(const char* from, int64_t count, real* to);
};

/// Integers beyond real's mantissa (2^24 for float) are rounded to nearest, and so are doubles.
namespace element {
extern const Element boolean, u8, i8, u16, i16, u32, i32, u64, i64, f16, bf16, f32, f64;
}

/// Bytes of a packed array of these extents (none negative), or nothing when the count does not fit 63 bits.
std::optional<int64_t> packed_bytes(std::span<const int64_t> extents, int64_t element_bytes);

}  // namespace erg::io
