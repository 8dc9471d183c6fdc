// MEG: maximum entropy generators for energy-based models (Kumar et al. 2019, algorithm 1).
//
// The generator is the energy's sampler. It lowers E(G(z)) while keeping its entropy high, and the entropy is bounded
// through the mutual information of z and G(z), estimated by a statistics network T that tells pairs (G(z), z) from
// pairs of strangers:
//
//   E descends       E E(x) - E E(G(z)) + lambda E |grad_x E(x)|^2             zero-centred, on real samples
//   G, T descend     E E(G(z)) + 1/2 [ E softplus(-T(G(z), z)) + E softplus(T(G(z), z~)) ]
//
// z~ is z with its samples in another order. The paper's algorithm 1 has a sign slip in the second term of the last
// loss; this is the form its code trains.
#pragma once

#include "pair.h"

namespace erg {

class Meg {
 public:
  struct Options {
    int64_t latent = 2;
    real penalty = 0.1f;  // lambda, on the full squared norm of each sample's gradient
    /// The authors' code on images: the norm is each pixel's over its channels, and the penalty the mean over pixels,
    /// so that lambda counts for lambda / (height * width).
    bool pixel_penalty = false;
    int energy_steps = 5;
    Adam::Options adam{.rate = 1e-4f, .beta1 = 0.5f, .beta2 = 0.9f};
  };
  using Statistics = PairNet;  // T(x, z)

  /// generator: [B,latent] -> [B,...]; energy: [B,...] -> [B,1].
  /// Throws std::invalid_argument unless energy_steps is at least 1.
  Meg(Sequential generator, Sequential energy, Statistics statistics, const Options& options, Noise latent);

  /// One step of G and T, then `energy_steps` of E, as in the authors' code (the paper has them the other way round).
  Metrics step(const Batches& next);
  /// Learning rate of all three networks from now on.
  void set_rate(real rate) {
    generator_adam_.set_rate(rate), energy_adam_.set_rate(rate), statistics_adam_.set_rate(rate);
  }

  /// z ~ N(0, I), [count, latent].
  Tensor prior(int64_t count, Noise& noise) const { return noise.normal({count, options_.latent}); }
  /// G(z) with running batch statistics.
  Tensor generate(const Tensor& z) { return generator_(z, Mode::eval); }
  /// The energy as samplers see it. It shares the weights, and so follows the training.
  Energy energy() const { return NetEnergy{energy_}; }

  void visit(Visitor& v);

 private:
  Metrics step_generator(int64_t batch);
  Metrics step_energy(const Tensor& x);

  Options options_;
  Sequential generator_, energy_;
  Statistics statistics_;
  std::vector<Tensor> generator_params_, energy_params_, statistics_params_;
  Adam generator_adam_, energy_adam_, statistics_adam_;
  Noise latent_;
};

}  // namespace erg
