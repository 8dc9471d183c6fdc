// Energy: what a sampler sees of a model, and all it sees.
#pragma once

#include <functional>

#include "nn.h"
#include "tensor.h"

namespace erg {

/// [B,...] -> [B], lower is likelier: p(x) is proportional to exp(-E(x)). Written in recorded operations.
using Energy = std::function<Tensor(const Tensor& x)>;

/// A network [B,...] -> [B,1] as an energy, in evaluation mode. It shares the network's weights. An Energy that holds
/// one shows a sampler what is inside: chains on small dense networks then run whole, in one kernel.
struct NetEnergy {
  Sequential net;
  /// The energies [B] of x [B,...], recorded. Throws std::invalid_argument unless the network returns [B,1].
  Tensor operator()(const Tensor& x);
};

/// What a sampler asks of an energy at a batch x [B,...].
struct EnergyAndGradient {
  Tensor energy;    // [B]
  Tensor gradient;  // [B,...]: dE/dx of each sample
};

/// E(x) and its gradient, on a tape of their own: only x is watched, so no weight's gradient is computed.
/// Throws std::invalid_argument unless the energy returns one number a sample.
EnergyAndGradient energy_and_gradient(const Energy& energy, const Tensor& x);

}  // namespace erg
