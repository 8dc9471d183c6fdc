// EBGAN: energy-based generative adversarial networks (Zhao et al. 2017).
//
// The discriminator is an auto-encoder, and its energy the error of the reconstruction,
//
//   R(x) = |Dec(Enc(x)) - x|
//
//   D descends  E R(x) + E [m - R(G(z))]_+         m is the margin
//   G descends  E R(G(z)) [+ weight * PT]          the pulling-away term: EBGAN-PT, weight 0.1
//
//   PT = 1/(N(N-1)) sum_i sum_{j != i} (s_i . s_j / |s_i| |s_j|)^2      s = Enc(G(z)), for a batch of N
//
// PT keeps the codes of a batch of fakes apart: 0 where they are orthogonal, 1 where all point one way. Code that goes
// by this name often computes something else: the norm is the Euclidean one of a sample, not a mean over pixels, which
// would change what a margin means; the hinge is taken of each fake, not of the batch's mean; G's loss runs through the
// auto-encoder's input and its target; PT has the square, on codes, not pixels, and only G sees it.
//
// At the equilibrium G has the data's law and R is flat, somewhere in [0,m]: there is nothing left to sample with. A
// semi-supervised classifier therefore wants m to go to zero (ebgan_ln.h).
#pragma once

#include "adversarial.h"

namespace erg {

/// x -> Dec(Enc(x)).
struct AutoEncoder {
  Sequential encoder, decoder;

  /// Enc(x): [B,...] -> [B,F].
  Tensor code(const Tensor& x, Mode mode) { return encoder(x, mode); }
  /// |Dec(s) - x|: codes [B,F] and samples [B,...] -> [B]. The decoder's output has as many elements as x.
  Tensor error(const Tensor& code, const Tensor& x, Mode mode);
  /// R(x), as a score: [B,...] -> [B,1].
  Tensor operator()(const Tensor& x, Mode mode);
  void visit(Visitor& v);
};

class Ebgan : public Adversarial {
 public:
  struct Options {
    int64_t latent = 100;
    real margin = 10;       // m
    real pulling_away = 0;  // weight of PT
    Adam::Options generator_adam{.rate = 1e-3f}, discriminator_adam{.rate = 1e-3f};
  };

  /// generator: [B,latent] -> [B,...]. Throws std::invalid_argument unless margin >= 0.
  Ebgan(Sequential generator, AutoEncoder discriminator, const Options& options, Noise latent);

  /// One step of D, then one of G.
  Metrics step(const Batches& next);

  /// R(x), [B], in evaluation mode. It follows the training. Where D has batch norm this is another energy than the
  /// one in training: there a batch is all data or all fakes, and the running statistics are of both.
  Energy energy() const {
    return [d = discriminator_](const Tensor& x) mutable { return scores(d(x, Mode::eval)); };
  }

  /// The two losses of D and G, PT aside.
  static Objective objective(real margin);
  /// PT of codes [N,F], a scalar. Throws std::invalid_argument unless N >= 2.
  static Tensor pulling_away(const Tensor& codes);

 private:
  AutoEncoder discriminator_;  // its own handles of the critic's weights
  real pulling_away_;
};

/// A cell of the paper's grid on MNIST: 2 to 5 layers, 400 to 3200 units in G and 128 to 1024 in D, with and without
/// dropout, all at a margin of 10 and Adam's 1e-3. The paper gives no more in its table; from memory of its appendix
/// are batch norm after each layer but G's last and D's first, ReLU, and zero biases; the initial weights, a dropout of
/// one half after each of the encoder's layers, and no activation after the decoder are ours.
struct EbganGrid {
  int64_t generator_layers = 5, discriminator_layers = 2;  // D's: encoder and decoder, of which the decoder has one
  int64_t generator_size = 1600, discriminator_size = 1024;
  real dropout = 0;  // the probability of dropping a unit of D
  int64_t latent = 100;
};
/// z [B,latent] -> [B,sample...], through `output`: tanh for samples in [-1,1], sigmoid for [0,1].
Sequential ebgan_generator(const EbganGrid& grid, const Shape& sample, Noise& noise,
                           Activation::Kind output = Activation::Kind::tanh);
/// `masks` are dropout's, on the device where D will be. Throws std::invalid_argument unless discriminator_layers >= 2.
AutoEncoder ebgan_auto_encoder(const EbganGrid& grid, const Shape& sample, Noise& noise, const Noise& masks);
/// The discriminator of the GANs in that grid: the encoder, and one linear layer in the decoder's place. Throws as
/// ebgan_auto_encoder. [B,sample...] -> [B,outputs].
Sequential ebgan_discriminator(const EbganGrid& grid, const Shape& sample, int64_t outputs, Noise& noise,
                               const Noise& masks);

}  // namespace erg
