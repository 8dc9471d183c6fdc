// LSGAN: least squares GAN (Mao et al. 2017).
//
//   D descends  1/2 E (d(x) - b)^2 + 1/2 E (d(G(z)) - a)^2
//   G descends  1/2 E (d(G(z)) - c)^2
//
// a labels fakes, b real samples, and c is what G would have D say of its samples. At its optimum
// d = (b p_data + a p_G) / (p_data + p_G), and with b - c = 1, b - a = 2, such as (a, b, c) = (-1, 1, 0), G descends
// the Pearson divergence of p_data + p_G from 2 p_G. The labels 0, 1, 1 are the common choice. A sample far from its
// label always has a gradient, where a sigmoid would have saturated. The score is no log density ratio.
#pragma once

#include "adversarial.h"

namespace erg {

class Lsgan : public Adversarial {
 public:
  /// What D makes of fakes (a) and of data (b), and G of fakes (c).
  struct Labels {
    real a = 0, b = 1, c = 1;
  };
  struct Options {
    int64_t latent = 2;
    Labels labels{};
    int discriminator_steps = 1;
    Adam::Options generator_adam{.rate = 2e-4f, .beta1 = 0.5f}, discriminator_adam{.rate = 2e-4f, .beta1 = 0.5f};
  };

  /// generator: [B,latent] -> [B,...]; discriminator: [B,...] -> [B,1], the score d.
  /// Throws std::invalid_argument unless discriminator_steps is at least 1.
  Lsgan(Sequential generator, Sequential discriminator, const Options& options, Noise latent);

  /// The quadratic losses, and the mean scores.
  static Objective objective(const Labels& labels);
};

}  // namespace erg
