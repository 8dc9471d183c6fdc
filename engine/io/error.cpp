#include "error.h"

namespace erg::io {

namespace {

std::string printable(const std::string& text) {
  constexpr char digits[] = "0123456789abcdef";
  std::string line;
  for (unsigned char c : text) {
    if (c >= 0x20 && c != 0x7f) {
      line += char(c);
    } else {
      line += {'\\', 'x', digits[c / 16], digits[c % 16]};
    }
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
