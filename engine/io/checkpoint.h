// Saving and loading anything with a visit(): a layer, a network, an optimiser, a whole training run.
//
//   io::save("gan.safetensors", gan);   ...   io::load("gan.safetensors", gan);
//
// Weights are stored in PyTorch's layout under PyTorch's names ([out,in] matrices, [out,in,kh,kw] kernels, an image's
// numbers in a row as [C,H,W] has them), counters as metadata, beside format = pt, PyTorch's mark. So a state dict that
// PyTorch wrote loads, and PyTorch loads what is saved here, of networks built from the same layers. Loading demands
// that every entry is there with its exact shape; tensors the file has beyond are ignored, so that a generator can be
// loaded out of a larger checkpoint with `prefix`.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "../visit.h"
#include "safetensors.h"

namespace erg::io {

/// The tensors and counters of visited entries.
StateDict state_of(std::span<const Visitor::Entry> entries);

/// Throws DataError for a checkpoint of an erg that had no format mark yet and another order of an image's numbers.
void check_format(const StateDict& dict);

/// Overwrites the entries' values by the dict's, in place, looked up as prefix + name. Nothing is changed unless
/// everything fits. Throws DataError for what is missing or has another shape; and as check_format, where that order
/// matters.
void restore(std::span<const Visitor::Entry> entries, const StateDict& dict, const std::string& prefix = "");

/// Writes a part's entries atomically. Throws as write_safetensors.
template <class Part>
void save(const std::filesystem::path& file, Part& part) {
  write_safetensors(file, state_of(entries(part)));
}

/// Reads a part's entries from a file. Throws as read_safetensors and restore.
template <class Part>
void load(const std::filesystem::path& file, Part& part, const std::string& prefix = "") {
  restore(entries(part), read_safetensors(file), prefix);
}

}  // namespace erg::io
