// safetensors: named tensors in one file, the format of checkpoints and of exchange with other frameworks.
//
//   u64 little-endian N | N bytes of JSON: name -> {dtype, shape, data_offsets} | packed little-endian data
//
// The format is specified at https://github.com/huggingface/safetensors. The reader accepts a file only when the
// tensors cover its data exactly: no hole, no overlap, nothing after the last one. It never allocates more than a small
// multiple of the file's size.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "../tensor.h"

namespace erg::io {

/// The content of a safetensors file. Both maps may be filled and searched directly; the members below throw DataError,
/// naming the file, when something is not there.
struct StateDict {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;
  std::filesystem::path source;  // the file it was read from, for messages

  /// The tensor of that name.
  const Tensor& tensor(const std::string& name) const;
  /// The tensor, when it has this shape.
  const Tensor& tensor(const std::string& name, const Shape& shape) const;

  /// The metadata under that key.
  const std::string& text(const std::string& key) const;
  /// The count under that key. Counters (a step, a seed, a position in a random stream) are metadata in decimal: exact
  /// for all 64 bits, which a tensor of reals is not.
  uint64_t counter(const std::string& key) const;
  /// Writes one.
  void set_counter(const std::string& key, uint64_t value) { metadata[key] = std::to_string(value); }
};

/// Reads a file into tensors on the CPU. Floating-point (F64, F32, F16, BF16), integer (8 to 64 bits) and BOOL tensors
/// become `real`, rounded to nearest. Throws MissingError when the file cannot be read, DataError when it breaks the
/// format or holds a tensor of another dtype or of more than four dimensions.
StateDict read_safetensors(const std::filesystem::path& file);

/// The same for bytes in memory; `name` stands for the file in messages.
StateDict parse_safetensors(std::string_view bytes, const std::filesystem::path& name);

/// Writes atomically (file.h), tensors in order of name as `real` (F32; F64 in the double build); synchronises tensors
/// of other devices. Throws WriteError, and std::invalid_argument for an absent tensor, a name or text that is not
/// UTF-8, and the reserved name "__metadata__".
void write_safetensors(const std::filesystem::path& file, const StateDict& dict);

}  // namespace erg::io
