// Recognises energies that a whole chain can be run on in one kernel.
#pragma once

#include <vector>

#include "../engine/energy.h"
#include "../kernels/chain.h"

namespace erg {

/// The layers of `energy` for kernels::dense_chain_, if it holds a NetEnergy made of Linear layers up to 256 wide, each
/// followed by at most one activation that the kernel has, for chains x [B,n]. Empty otherwise. They point into the
/// network's weights.
std::vector<kernels::DenseLayer> dense_layers(const Energy& energy, const Tensor& x);

}  // namespace erg
