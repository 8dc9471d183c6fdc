// GAN: generative adversarial networks (Goodfellow et al. 2014).
//
//   D ascends   E log D(x) + E log(1 - D(G(z)))
//   G descends  E log(1 - D(G(z)))               minimax, or
//   G ascends   E log D(G(z))                    non-saturating, the form that trains
//
// With the logit d(x), D = sigmoid(d), -log D = softplus(-d) and -log(1 - D) = softplus(d). At D's optimum d is the log
// ratio log p_data/p_G: minus an energy relative to the generator. DDLS (ddls.h) samples with it. There D's value is
// 2 JS(p_data, p_G) - 2 log 2, where JS has its two halves.
//
// The third form reads the discriminator as an energy, E(x) = -log D(x) = softplus(-d(x)), and has both players use it:
//
//   D descends  E E(x) - E E(G(z))
//   G descends  E E(G(z))
//
// It shows a GAN to be an energy-based model whose generator is the sampler, but it is not Goodfellow's: only G's loss
// is the same as the non-saturating one. D's has no lower bound, since -log D(G(z)) grows with -d(G(z)) for ever, and
// it does not train: it diverges, or D calls everything real and nothing moves any more.
#pragma once

#include "adversarial.h"

namespace erg {

class Gan : public Adversarial {
 public:
  /// What G descends; `energy` changes D's loss too.
  enum class Loss { minimax, non_saturating, energy };
  struct Options {
    int64_t latent = 2;
    Loss loss = Loss::non_saturating;
    int discriminator_steps = 1;
    Adam::Options generator_adam{.rate = 2e-4f, .beta1 = 0.5f}, discriminator_adam{.rate = 2e-4f, .beta1 = 0.5f};
  };

  /// generator: [B,latent] -> [B,...]; discriminator: [B,...] -> [B,1], the logit d.
  /// Throws std::invalid_argument unless discriminator_steps is at least 1.
  Gan(Sequential generator, Sequential discriminator, const Options& options, Noise latent);

  /// The losses in the logits, and the mean probabilities D(x) and D(G).
  static Objective objective(Loss loss);
};

}  // namespace erg
