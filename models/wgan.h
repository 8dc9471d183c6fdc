// WGAN: Wasserstein GAN with weight clipping (Arjovsky et al. 2017, algorithm 1).
//
//   the critic ascends      E f(x) - E f(G(z)),  then every weight is clipped to [-c, c]
//   the generator descends  -E f(G(z))
//
// Clipped weights bound the critic's slope, so that the supremum of its objective is the Wasserstein-1 distance but for
// a factor nobody knows: the reported distance compares one moment of a run with another, and no run with another. A
// linear critic can reach c |E x - E G(z)|_1. The paper has c = 0.01, 5 critic steps, batches of 64 and RMSProp, since
// momentum made its critics unstable. The networks may have batch norm, unlike those of WGAN-GP.
#pragma once

#include "adversarial.h"

namespace erg {

class Wgan : public Adversarial {
 public:
  struct Options {
    int64_t latent = 2;
    real clip = 0.01f;  // c
    int critic_steps = 5;
    RmsProp::Options rmsprop{.rate = 5e-5f, .decay = 0.9f};
  };

  /// generator: [B,latent] -> [B,...]; critic: [B,...] -> [B,1].
  /// Throws std::invalid_argument unless clip > 0 and critic_steps is at least 1.
  Wgan(Sequential generator, Sequential critic, const Options& options, Noise latent);

  /// The two losses, and the critic's estimate of the distance. WGAN-GP has the same.
  static Objective objective();
};

}  // namespace erg
