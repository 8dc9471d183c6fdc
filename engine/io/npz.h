// npz: named arrays in one file, the format of numpy.savez: a zip archive with an npy file, NAME.npy, for each.
//
// The format of archives is PKWARE's APPNOTE.TXT, sections 4.3.7 (a file in the archive), 4.3.12 (its line in the
// directory) and 4.3.16 (the end of the directory).
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "../tensor.h"

namespace erg::io {

/// Reads what numpy.savez and numpy.savez_compressed write, up to 4 GiB. Throws MissingError when the file cannot be
/// read, DataError when it breaks the format, or one of its arrays is not as read_npy wants it.
std::map<std::string, Tensor> read_npz(const std::filesystem::path& file);

/// The same for bytes in memory; `name` stands for the file in messages.
std::map<std::string, Tensor> parse_npz(std::string_view bytes, const std::filesystem::path& name);

/// Writes atomically (file.h), uncompressed, in order of name, all with the same date: equal arrays give equal bytes.
/// Throws WriteError, and std::invalid_argument for more than 4 GiB or 65,535 arrays.
void write_npz(const std::filesystem::path& file, const std::map<std::string, Tensor>& arrays);

}  // namespace erg::io
