// Unrolled GAN (Metz et al. 2017).
//
//   f(theta_G, theta_D) = E log D(x) + E log(1 - D(G(z)))              D ascends it, as in any GAN
//
//   theta^0 = theta_D,   theta^(k+1) = theta^k + eta df/dtheta(theta_G, theta^k)
//   G descends  f(theta_G, theta^K)                                     the surrogate
//
// The generator sees the discriminator as it will be after K steps, and through theta^K(theta_G) how those steps answer
// its own: the gradient runs through the K gradients, which are recorded like everything else (Keep::graph). All K
// steps and the surrogate see one minibatch; D itself takes one ordinary step. K = 0 is the minimax GAN. The authors'
// 2-D code has K = 5, 256 numbers of noise, two hidden layers of 128 tanh, batches of 512, and unrolls Adam; here the
// inner steps are the paper's plain ones, with a rate of their own. Where eta is too large for D's curvature, G lowers
// f by making D's steps overshoot, and learns nothing.
//
// K steps cost as much as K second derivatives and keep their graphs: small networks only, and without batch norm and
// spectral norm, whose buffers would advance in steps that are never taken.
#pragma once

#include "gan.h"

namespace erg {

class Unrolled : public Gan {
 public:
  struct Options {
    int64_t latent = 2;
    int steps = 5;      // K
    real rate = 0.01f;  // eta
    Adam::Options generator_adam{.rate = 1e-3f, .beta1 = 0.5f}, discriminator_adam{.rate = 1e-4f, .beta1 = 0.5f};
  };

  /// generator: [B,latent] -> [B,...]; discriminator: [B,...] -> [B,1], the logit d.
  /// Throws std::invalid_argument if steps is negative or the discriminator has buffers.
  Unrolled(Sequential generator, Sequential discriminator, const Options& options, Noise latent);

  /// One step of D, then one of G on the surrogate, on the same data.
  Metrics step(const Batches& next);

  /// f(theta_G, theta^K), a scalar, on the tape, which must watch D's parameters and may watch G's.
  Tensor surrogate(Tape& tape, const Tensor& x, const Tensor& fake) const;

 private:
  Sequential discriminator_;
  int unrolled_steps_;
  real unrolled_rate_;
};

}  // namespace erg
