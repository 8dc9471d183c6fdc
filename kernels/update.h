// In-place updates: optimisers on flat parameter arenas, and the fused Langevin step.
#pragma once

#include "kernel.h"
#include "random.h"

namespace erg::kernels {

/// The gradients of one arena: gradient i covers arena elements [begin[i], end[i]), in rising order. Elements that none
/// covers may lie between them, to align the next; what an optimiser leaves there is of no account.
/// Gradients are separate tensors, parameters and moments are flat; this table lets one launch serve them all.
struct Gradients {
  static constexpr int max_count = 64;
  int count = 0;
  const real* g[max_count];
  int64_t begin[max_count], end[max_count];

  /// Appends the gradient of `size` elements that begin at arena element `at`. There must be room.
  void add(const real* gradient, int64_t at, int64_t size) {
    g[count] = gradient;
    begin[count] = at;
    end[count++] = at + size;
  }
  /// Elements that have a gradient.
  int64_t size() const {
    int64_t n = 0;
    for (int i = 0; i < count; ++i) n += end[i] - begin[i];
    return n;
  }
};

/// Kingma & Ba 2015, algorithm 1. `correction1` = 1 - beta1^t and `correction2` = 1 - beta2^t for step t = 1, 2, ...
struct AdamStep {
  real rate, beta1, beta2, epsilon;
  real correction1, correction2;
};

/// m = beta1 m + (1-beta1) g;  v = beta2 v + (1-beta2) g^2;
/// p -= rate * (m / correction1) / (sqrt(v / correction2) + epsilon). p, m, v point to the arena's element 0.
ERG_KERNEL(adam_, const AdamStep& s, const Gradients& gradients, real* m, real* v, real* p);
double bytes_of(decltype(adam_)&, const AdamStep&, const Gradients& g, const auto&...) {
  return bytes_of_reals(7 * g.size());
}

/// velocity = momentum * velocity + g;  p -= rate * velocity.
ERG_KERNEL(sgd_, real rate, real momentum, const Gradients& gradients, real* velocity, real* p);
double bytes_of(decltype(sgd_)&, real, real, const Gradients& g, const auto&...) {
  return bytes_of_reals(5 * g.size());
}

/// v = decay v + (1-decay) g^2;  p -= rate * g / (sqrt(v) + epsilon). (Tieleman & Hinton 2012)
ERG_KERNEL(rmsprop_, real rate, real decay, real epsilon, const Gradients& gradients, real* v, real* p);
double bytes_of(decltype(rmsprop_)&, real, real, real, const Gradients& g, const auto&...) {
  return bytes_of_reals(5 * g.size());
}

/// p[i] = min(max(p[i], low), high): WGAN's weight clipping.
ERG_KERNEL(clamp_, int64_t n, real low, real high, real* p);
double bytes_of(decltype(clamp_)&, int64_t n, const auto&...) { return bytes_of_reals(2 * n); }

/// average += (1 - decay) * (p - average): an exponential moving average of weights.
ERG_KERNEL(average_, int64_t n, real decay, const real* p, real* average);
double bytes_of(decltype(average_)&, int64_t n, const auto&...) { return bytes_of_reals(3 * n); }

/// One canonical Langevin step (every paper's convention maps onto it, see samplers/langevin.h):
///   x <- clamp(x - drift * clip(g) + noise * xi),  xi ~ N(0, 1) from the key.
/// clip(g) is to [-grad_clip, grad_clip] elementwise, clamp to [low, high]; infinities switch either off.
struct LangevinUpdate {
  real drift, noise;
  real low, high;
  real grad_clip;
};

/// Noise, drift and clamp in one pass over x and g (12 bytes an element in fp32). noise = 0 draws nothing.
ERG_KERNEL(langevin_, const LangevinUpdate& s, const NoiseKey& key, int64_t n, const real* g, real* x);
double bytes_of(decltype(langevin_)&, const LangevinUpdate&, const NoiseKey&, int64_t n, const auto&...) {
  return bytes_of_reals(3 * n);
}

}  // namespace erg::kernels
