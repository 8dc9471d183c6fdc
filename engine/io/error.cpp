#include "error.h"

#include <algorithm>
#include <cstdint>

namespace erg::io {

namespace {

/// Bytes of the character at the start of `text`, or 0 where that is a control character or no UTF-8.
size_t character(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? uint8_t(text[i]) : uint8_t(0); };
  const uint8_t first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7f;
  if (first < 0xc0 || first >= 0xf8) return 0;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  uint32_t code = first & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if (byte(i) >> 6 != 2) return 0;
    code = code << 6 | (byte(i) & 0x3fu);
  }
  // The smallest code of so many bytes; of two, behind the control characters of Latin-1, to which terminals listen.
  constexpr uint32_t smallest[] = {0, 0, 0xa0, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < smallest[length] || code > 0x10ffff || surrogate ? 0 : length;
}

std::string printable(std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  std::string line;
  while (!text.empty()) {
    const size_t length = character(text);
    if (length > 0) {
      line += text.substr(0, length);
    } else {
      line += {'\\', 'x', digits[uint8_t(text[0]) / 16], digits[uint8_t(text[0]) % 16]};
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return line;
}

}  // namespace

FileError::FileError(const std::filesystem::path& file, const std::string& message)
    : std::runtime_error(printable(file.string() + ": " + message)) {}

std::string cite(std::string_view text) {
  constexpr size_t longest = 80;
  if (text.size() <= longest) return "'" + std::string(text) + "'";
  return "'" + std::string(text.substr(0, longest)) + "...'";
}

}  // namespace erg::io
