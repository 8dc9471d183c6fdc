// SNGAN: spectral normalisation and the hinge loss (Miyato et al. 2018; the loss is Lim & Ye's, 2017).
//
//   D descends  E max(0, 1 - d(x)) + E max(0, 1 + d(G(z)))
//   G descends  -E d(G(z))
//
// Every weight of D is divided by its largest singular value (SpectralNorm in engine/nn.h: one step of power iteration
// a forward pass, of fake batches and of G's steps too), so D's slope is at most one layer by layer. Samples that are
// beyond the margin no longer move D. Its score is no log density ratio: what treats it as one, DDLS or
// Metropolis-Hastings, wants it calibrated. The paper's image networks are residual, D's without batch norm; 5 steps of
// D, both rates decaying linearly to zero over 50,000 of G's, batches of 64 for D and 128 for G.
#pragma once

#include "adversarial.h"

namespace erg {

class Sngan : public Adversarial {
 public:
  struct Options {
    int64_t latent = 128;
    int discriminator_steps = 5;
    Adam::Options adam{.rate = 2e-4f, .beta1 = 0, .beta2 = 0.9f};
  };

  /// generator: [B,latent] -> [B,...]; discriminator: [B,...] -> [B,1], built with spectral_norm.
  /// Throws std::invalid_argument unless discriminator_steps is at least 1.
  Sngan(Sequential generator, Sequential discriminator, const Options& options, Noise latent);

  /// The hinge losses, and the mean scores.
  static Objective objective();
};

}  // namespace erg
