// EBM: an energy-based model trained by (persistent) contrastive divergence (Hinton 2002, Tieleman 2008).
//
//   grad_theta E[-log p(x)] = E_data grad_theta E(x) - E_model grad_theta E(x')
//
// so the loss is E(x) - E(x') with the model's samples x' held constant. Where they come from is the sampler's
// business: a step is given a function that turns an energy into samples.
#pragma once

#include "system.h"

namespace erg {

class Ebm {
 public:
  /// Samples of the model, [count,...], by whatever sampler: chains that persist between calls, for PCD.
  using NegativeSampler = std::function<Tensor(const Energy& energy, int64_t count)>;
  struct Options {
    real energy_l2 = 0;   // weight of E(x)^2 + E(x')^2, which keeps the energies near zero (Du & Mordatch 2019)
    real data_noise = 0;  // standard deviation of noise added to the data; at least the sampler's (Nijkamp et al. 2020)
    Adam::Options adam{.rate = 1e-4f, .beta1 = 0, .beta2 = 0.999f};
  };

  /// net: [B,...] -> [B,1].
  Ebm(Sequential net, const Options& options, NegativeSampler sampler, Noise data_noise);

  Metrics step(const Batches& next);
  /// Learning rate of the energy from now on.
  void set_rate(real rate) { adam_.set_rate(rate); }

  /// The energy as samplers see it. It shares the weights, and so follows the training.
  Energy energy() const { return NetEnergy{net_}; }

  void visit(Visitor& v);

 private:
  Options options_;
  Sequential net_;
  std::vector<Tensor> params_;
  Adam adam_;
  NegativeSampler sampler_;
  Noise data_noise_;
};

}  // namespace erg
