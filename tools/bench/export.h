// The measured work as files, for programs that do the same: arrays as .npy and one work.json that says what they are.
#pragma once

#include <filesystem>
#include <vector>

#include "workloads.h"

namespace erg::tools {

/// Writes into a folder, which is made if it is not there:
///
///   work.json              every piece of work: its energy, constants, chains and files
///   NAME.starts.npy        where chains start [chains,...]
///   NAME.noise.npy         the normals that drive the first few chains: their first step's, their second's, ...
///   NAME.driven.npy        where those chains end, computed in double
///   NAME.driven-in-tf32.npy  where they are when chains with products in tf32 are compared with them
///   NAME.reference.npy     where chains with noise of their own end, computed in double; not for images
///   NAME.weight.I.npy      a network's weights and biases in turn, in this project's layouts ([in,out], HWIO)
///
/// Throws io::WriteError.
void export_work(const std::filesystem::path& folder, const std::vector<Workload>& workloads, uint64_t seed);

}  // namespace erg::tools
