// Whole Langevin chains on the energy of a small network, in one launch.
//
// For a network of a few narrow layers a step's arithmetic takes less time than launching its kernels. Here a chain
// stays where it is for all its steps: positions, activations, gradients and noise never leave the registers and the
// nearest cache, and only where the chain ends is written back.
#pragma once

#include "update.h"

namespace erg::kernels {

/// One layer of a network: y = unit(x weight + bias).
struct DenseLayer {
  /// The function that ends a layer.
  enum class Unit { identity, leaky_relu, silu, softplus, tanh };
  static constexpr int max_width = 256;

  int in, out;         // at most max_width each
  const real* weight;  // [in, out]
  const real* bias;    // [out], or null
  Unit unit;
  real slope;  // leaky_relu's below zero; 0 makes it ReLU
};

/// E(x) = the last layer's only output (its out = 1, its unit is the identity). `layer` is an array in host memory.
struct DenseNet {
  int layers;
  const DenseLayer* layer;
};

/// `steps` canonical Langevin steps (update.h) of every chain on the energy of `net`: x [chains, net.layer[0].in].
/// Step k draws its noise as langevin_ would with the key's step word advanced by k; the word itself is left alone.
/// energies[k, b] is E of chain b where step k took its gradient: [steps, chains].
/// A chain's bits do not depend on the other chains of the launch, nor on how many there are.
ERG_KERNEL(dense_chain_, const DenseNet& net, const LangevinUpdate& s, const NoiseKey& key, int64_t chains, int steps,
           real* workspace, real* energies, real* x);
ERG_WORKSPACE(dense_chain, DenseNet);

/// Of every step of every chain: the network forwards, and its gradient back to x.
template <class... Rest>
double flops_of(const DenseNet& net, const LangevinUpdate&, const NoiseKey&, int64_t chains, int steps,
                const Rest&...) {
  double products = 0;
  for (int i = 0; i < net.layers; ++i) products += double(net.layer[i].in) * net.layer[i].out;
  return 4 * products * double(chains) * steps;
}

}  // namespace erg::kernels
