// DDGM: deep directed generative model with energy-based probability estimation (Kim & Bengio 2016).
//
//   E descends  E E(x) - E E(G(z)) [+ lambda E |grad_x E(x)|^2]         z ~ U[-1,1]
//   G descends  E E(G(z)) - H
//
// The generator is the energy's sampler, as in MEG (meg.h), but its entropy is not estimated: it is that of Gaussians
// whose deviations are the scales gamma of G's batch norms,
//
//   H = sum over all units with batch norm of 1/2 log(2 pi e gamma^2).
//
// It reaches gamma alone, with slope 1/gamma, and rewards large scales whatever the next layer makes of them: it is no
// entropy of G(z), and does not see a collapse of modes. The energy is a product of experts on features f(x),
//
//   E(x) = |x|^2 / sigma^2 - b.x - sum_i softplus(W_i.f(x) + c_i),
//
// whose first term dominates where x has many dimensions; sigma^2 of the number of dimensions makes it a mean. Nothing
// holds the scale of E in the paper, and it explodes (so Kumar et al. 2019, who tried); lambda, from their MEG, is the
// regulariser that holds it. No batch norm in the energy. A public reimplementation has, on 2-D data, 4 numbers of
// noise, G and f of two layers of 128 (ELU and tanh in f), 4 experts, batches of 100 and Adam 2e-4 with beta1 0.5.
#pragma once

#include "adversarial.h"

namespace erg {

/// E(x), [B,1].
struct ProductOfExperts {
  Sequential features;  // f: [B,...] -> [B,F]
  Linear experts;       // W and c: F -> number of experts
  Tensor bias;          // b, [elements of a sample]
  real variance;        // sigma^2

  /// Zero bias. Throws std::invalid_argument unless variance > 0.
  ProductOfExperts(Sequential features, Linear experts, int64_t elements, real variance);
  /// E of a batch [B,...], [B,1].
  Tensor operator()(const Tensor& x, Mode mode);
  void visit(Visitor& v);
};

class Ddgm : public Adversarial {
 public:
  struct Options {
    int64_t latent = 2;
    real entropy = 1;  // weight of H
    real penalty = 0;  // lambda, on the full squared norm of each sample's gradient
    Adam::Options generator_adam{.rate = 2e-4f, .beta1 = 0.5f}, energy_adam{.rate = 2e-4f, .beta1 = 0.5f};
  };

  /// generator: [B,latent] -> [B,...], with batch norm, whose scales its entropy is made of.
  /// Throws std::invalid_argument if it has none.
  Ddgm(Sequential generator, ProductOfExperts energy, const Options& options, Noise latent);

  /// E(x), [B], in evaluation mode. It follows the training.
  Energy energy() const {
    return [critic = critic_](const Tensor& x) { return scores(critic(x, Mode::eval)); };
  }

  /// H of a network's batch norms, a scalar; a recorded function of their scales. Throws std::invalid_argument if there
  /// are none.
  static Tensor entropy(const Sequential& generator);
};

}  // namespace erg
