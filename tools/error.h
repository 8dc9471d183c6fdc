// What the program's commands throw beyond the library's own errors, and the exit codes they end with.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace erg::tools {

/// Exit codes, after sysexits.h where it has one.
enum Exit : int {
  ok = 0,
  failed = 1,  // a check
  internal = 2,
  usage = 64,
  bad_data = 65,
  no_input = 66,
  no_device = 69,
  cannot_create = 73,
  cannot_write = 74,
  out_of_memory = 75,
  diverged = 76,
  interrupted = 130,
  terminated = 143,
};

/// The command line or a setting is wrong (exit code 64). One line: what was given, what was expected.
class UsageError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Training left the finite numbers (exit code 76).
class TrainingDivergedError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// "a, b, c"
inline std::string join(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& w : words) (line += line.empty() ? "" : ", ") += w;
  return line;
}

}  // namespace erg::tools
