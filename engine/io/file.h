// Whole files in and out. Reading is bounded; writing is atomic: after a crash, a full disk or an exception the path
// holds either the old content or the new one, never a part.
//
// Bytes travel as std::string and std::string_view.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

/// File formats.
namespace erg::io {

/// The content of a file or a pipe. Throws MissingError when it cannot be opened or read, DataError when it holds more
/// than `limit` bytes.
std::string read_file(const std::filesystem::path& file, int64_t limit = int64_t(1) << 40);

/// Appends bytes to the file being written; throws WriteError.
using Write = std::function<void(std::string_view bytes)>;

/// Replaces a file by what `body` writes: a temporary file beside it is written, flushed to the disk and renamed over
/// it, and the folder is flushed too. When anything fails, `body` included, the temporary file is removed, the old file
/// is intact and the exception passes on. Symbolic links are followed. What is not a regular file (a pipe, /dev/stdout)
/// cannot be replaced and is written in place. Throws WriteError.
void atomic_write(const std::filesystem::path& file, const std::function<void(const Write&)>& body);
void atomic_write(const std::filesystem::path& file, std::string_view bytes);

/// Removes from a folder the temporary files of writers that were killed. Nobody else may be writing there.
void sweep_temporaries(const std::filesystem::path& folder);

}  // namespace erg::io
