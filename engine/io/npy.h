// npy: one array in one file, the format of numpy.save.
//
//   "\x93NUMPY" | version | header length | {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} | packed data
//
// The format is specified at https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "../tensor.h"

namespace erg::io {

/// Reads versions 1 to 3 in C order, of type <f4 <f8 <i4 <i8 |i1 |u1 |b1, rounded to the nearest `real`. Throws
/// MissingError when the file cannot be read, DataError when it breaks the format, is in Fortran order, big-endian, of
/// another type (objects are pickles and are never loaded), or has more than four dimensions.
Tensor read_npy(const std::filesystem::path& file);

/// The same for bytes in memory; `name` stands for the file in messages.
Tensor parse_npy(std::string_view bytes, const std::filesystem::path& name);

/// The bytes of such a file, version 1.0 and <f4 (<f8 in the double build).
std::string format_npy(const Tensor& tensor);

/// Writes them atomically (file.h). Throws WriteError.
void write_npy(const std::filesystem::path& file, const Tensor& tensor);

}  // namespace erg::io
