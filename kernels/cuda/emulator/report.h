// What the emulator says when a kernel does what a GPU would not forgive, or forgive only sometimes.
#pragma once

#include <cstring>
#include <string>

namespace erg::emulator {

/// A line of a source file. As a default argument, Location::here() is the line of the call.
struct Location {
  const char* file;
  int line;
  static constexpr Location here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
  bool operator==(const Location& other) const {
    return line == other.line && (file == other.file || std::strcmp(file, other.file) == 0);
  }
};

/// Who did it: that much the line names.
enum class Culprit { host, kernel, block, thread };

/// "kernel k(float*), block (2, 0, 0) of (3, 1, 1), thread (37, 0, 0) of (128, 1, 1)", as far as `culprit` says.
std::string describe(Culprit culprit);

/// Prints one line on stderr, the culprit first, and aborts.
[[noreturn]] __attribute__((format(printf, 2, 3))) void report(Culprit culprit, const char* format, ...);

}  // namespace erg::emulator
