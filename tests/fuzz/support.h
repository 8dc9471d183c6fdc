// What the targets share.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "engine/io/error.h"
#include "engine/tensor.h"
#include "targets.h"

namespace erg::fuzz {

/// Stands for the file in messages.
inline const std::filesystem::path file_name = "some.file";

/// Throws std::logic_error, which nothing under test may throw.
void require(bool holds, const char* what);

/// Of a refusal: one line of readable length that begins with the file's name, all of it printable UTF-8.
void check_message(std::string_view message, const std::filesystem::path& file);

/// What `read` returns, or nothing where it refuses the file.
template <class Read>
auto read_or_refuse(const Read& read, const std::filesystem::path& file = file_name)
    -> std::optional<decltype(read())> {
  try {
    return read();
  } catch (const io::DataError& error) {
    check_message(error.what(), file);
    return std::nullopt;
  }
}

/// The same shapes and, NaNs included, the same bits.
bool same(const Tensor& a, const Tensor& b);
bool same(const std::map<std::string, Tensor>& a, const std::map<std::string, Tensor>& b);

/// A folder of this process's own, removed when it ends.
const std::filesystem::path& scratch();
/// Not atomically, which would wait for the disk.
void write_file(const std::filesystem::path& file, std::string_view bytes);

}  // namespace erg::fuzz
