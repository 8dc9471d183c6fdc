// What goes wrong with files, by what the user can do about it.
//
// Every message is one line: the path first, then what was expected, what came, and what to do. Text that comes out of
// a file (a tensor's name, say) is cited through `cite`, and control characters never reach the terminal.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

namespace erg::io {

/// The base of the three below: "PATH: message" with control characters escaped.
class FileError : public std::runtime_error {
 protected:
  /// PATH: message
  FileError(const std::filesystem::path& file, const std::string& message);
};

/// A file whose content is not what its format demands (exit code 65).
class DataError : public FileError {
 public:
  /// PATH: message
  DataError(const std::filesystem::path& file, const std::string& message) : FileError(file, message) {}
};

/// A file or folder that is not there or cannot be read (exit code 66).
class MissingError : public FileError {
 public:
  /// PATH: message
  MissingError(const std::filesystem::path& file, const std::string& message) : FileError(file, message) {}
};

/// A file that could not be created (exit code 73) or, once created, not written to the end (exit code 74).
class WriteError : public FileError {
 public:
  /// How far it came.
  enum class Step { create, write };
  /// PATH: message
  WriteError(Step step, const std::filesystem::path& file, const std::string& message)
      : FileError(file, message), step(step) {}
  const Step step;
};

/// 'text', cut to a readable length: for names in messages.
std::string cite(std::string_view text);

}  // namespace erg::io
