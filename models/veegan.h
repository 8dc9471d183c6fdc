// VEEGAN: a GAN that reconstructs its noise (Srivastava et al. 2017, algorithm 1).
//
// A third network, the reconstructor F, maps data back to noise: p(z|x) = N(F(x), I). The discriminator tells pairs,
// the generator's (G(z), z) from the data's (x, z'), z' ~ p(z|x). With its logit d,
//
//   D descends     E softplus(-d(G(z), z)) + E softplus(d(x, z'))
//   G, F descend   E d(G(z), z) + E 1/2 |z - F(G(z))|^2
//
// At D's optimum d = log q(x|z) p(z) / p(z|x) p(x): the first term of the second loss is a KL divergence between the
// pairs, and the last one is -log p(z|G(z)) but for a constant. Where G drops modes, F maps the data of those to noise
// unlike N(0, I), which D sees. Mind the sign: here D says yes to the generator. F learns from the reconstruction
// alone, since d(G(z), z) does not depend on it.
//
// The authors' 2-D networks: G and F two hidden layers of 128 ReLU, D one of 128 on (x, z), 254 numbers of noise,
// batches of 500, Adam 1e-3 with beta1 0.5.
#pragma once

#include "pair.h"

namespace erg {

class Veegan {
 public:
  struct Options {
    int64_t latent = 254;
    real deviation = 1;  // s
    Adam::Options adam{.rate = 1e-3f, .beta1 = 0.5f};
  };

  /// generator: [B,latent] -> [B,...]; reconstructor: [B,...] -> [B,latent]; discriminator: d(x, z).
  Veegan(Sequential generator, Sequential reconstructor, PairNet discriminator, const Options& options, Noise latent);

  /// One step of D, then one of G and F.
  Metrics step(const Batches& next);
  /// Learning rate of all three networks from now on.
  void set_rate(real rate) { generator_adam_.set_rate(rate), discriminator_adam_.set_rate(rate); }

  /// z ~ N(0, I), [count, latent].
  Tensor prior(int64_t count, Noise& noise) const { return noise.normal({count, options_.latent}); }
  /// G(z) with running batch statistics.
  Tensor generate(const Tensor& z) { return generator_(z, Mode::eval); }
  /// F(x), the mean of p(z|x), [B,latent].
  Tensor reconstruct(const Tensor& x) { return reconstructor_(x, Mode::eval); }

  /// The two losses, from d of the generator's pairs and of the data's, [B], and from z and F(G(z)), [B,latent].
  static Tensor discriminator_loss(const Tensor& generated, const Tensor& data);
  static Tensor generator_loss(const Tensor& generated, const Tensor& z, const Tensor& reconstructed);

  void visit(Visitor& v);

 private:
  Metrics step_discriminator(const Tensor& x);
  Metrics step_generator(int64_t batch);

  Options options_;
  Sequential generator_, reconstructor_;
  PairNet discriminator_;
  std::vector<Tensor> generator_params_, discriminator_params_;  // the generator's and the reconstructor's; D's
  Adam generator_adam_, discriminator_adam_;
  Noise latent_, posterior_;
};

}  // namespace erg
