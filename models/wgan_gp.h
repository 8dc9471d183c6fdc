// WGAN-GP: Wasserstein GAN with gradient penalty (Gulrajani et al. 2017, algorithm 1).
//
//   the critic descends     E f(G(z)) - E f(x) + lambda E (|grad_xhat f(xhat)| - 1)^2
//   the generator descends  -E f(G(z))
//
// xhat lies uniformly between a real sample and a fake one. The penalty contains a gradient, so the critic's step
// differentiates a derivative: the sweep for grad f is recorded (Keep::graph) like everything else. The norm is that of
// a sample's whole gradient, and alpha is one number a sample; code that takes the norm of each pixel over its
// channels, or an alpha for each element, computes something else.
#pragma once

#include "wgan.h"

namespace erg {

class WganGp : public Adversarial {
 public:
  struct Options {
    int64_t latent = 2;
    real penalty = 10;  // lambda; 0.1 on the 2-D sets
    int critic_steps = 5;
    Adam::Options adam{.rate = 1e-4f, .beta1 = 0.5f, .beta2 = 0.9f};
  };

  /// generator: [B,latent] -> [B,...]; critic: [B,...] -> [B,1], without batch-norm, which would couple samples.
  /// Throws std::invalid_argument unless critic_steps is at least 1.
  WganGp(Sequential generator, Sequential critic, const Options& options, Noise latent);

  /// `critic_steps` steps of the critic, then one of the generator (none in the very first call, as in the authors'
  /// code).
  Metrics step(const Batches& next);

  /// alpha x + (1 - alpha) fake, with one alpha ~ U[0,1) a sample.
  static Tensor between(const Tensor& x, const Tensor& fake, Noise& noise);
  /// E (|grad f(x)| - 1)^2 over a batch, with the full norm of each sample's gradient. The tape records.
  static Tensor gradient_penalty(Tape& tape, const Energy& critic, const Tensor& x);

  void visit(Visitor& v);

 private:
  Noise mixing_;
  uint64_t steps_ = 0;
};

}  // namespace erg
