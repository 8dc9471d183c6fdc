// JEM: a classifier is an energy-based model (Grathwohl et al. 2020).
//
// A classifier's logits f(x) define p(y|x) = softmax f(x)[y]. They have one freedom left, a constant per x, and JEM
// spends it on x:
//
//   E(x, y) = -f(x)[y]        E(x) = -log sum_y exp f(x)[y]        p(y|x) = exp(E(x) - E(x, y)), as before
//
//   the loss    E_(x,y) -log p(y|x) + weight * (E_x E(x) - E_x' E(x'))
//
// The first term is the cross entropy, the second contrastive divergence (ebm.h), with the model's samples x' held
// constant. A class is drawn by a chain on E(x, y) with y fixed.
//
// The authors' chains: 20 steps x - dE/dx + 0.01 xi (Langevin::jem), from a buffer of 10,000 of which one in twenty
// starts afresh in U[-1,1] (ReplayBuffer's defaults). Batches of 64, Adam 1e-4 rising over the first 1,000 steps, noise
// of 0.03 on all data, no batch norm. They stop where the loss passes 1e8; what helps then is the last good checkpoint
// and another seed, more steps of the chains, a lower rate, energy_l2 near 0.1, smooth activations, data_noise 0.1.
#pragma once

#include "ebm.h"
#include "labels.h"

namespace erg {

class Jem {
 public:
  struct Options {
    real weight = 1;     // of the term for p(x)
    real energy_l2 = 0;  // of E(x)^2 + E(x')^2
    real data_noise = 0.03f;
    Adam::Options adam{.rate = 1e-4f};
  };
  using NegativeSampler = Ebm::NegativeSampler;  // is given E(x)

  /// classifier: [B,...] -> [B,K], the logits.
  Jem(Sequential classifier, const Options& options, NegativeSampler sampler, Noise data_noise);

  /// One step on a labelled batch for p(y|x) and, for p(x), on samples whose labels nobody needs.
  /// Reports "cross_entropy", "accuracy" of the labelled batch, and E(x), E(x') and "gap" as Ebm does.
  Metrics step(const LabelledBatches& labelled, const Batches& unlabelled);
  /// The same with one batch for both.
  Metrics step(const LabelledBatches& labelled);
  /// The learning rate from now on.
  void set_rate(real rate) { adam_.set_rate(rate); }

  /// f(x), [B,K].
  Tensor logits(const Tensor& x) { return classifier_(x, Mode::eval); }
  /// E(x). It shares the weights, and so follows the training.
  Energy energy() const;
  /// E(x, y) for chains of these classes, [B]: one number a chain.
  Energy energy(const Tensor& y) const;

  void visit(Visitor& v);

 private:
  Metrics step(const Labelled& labelled, const Tensor& unlabelled);
  Tensor noisy(const Tensor& x);

  Options options_;
  Sequential classifier_;
  std::vector<Tensor> params_;
  Adam adam_;
  NegativeSampler sampler_;
  Noise data_noise_;
};

}  // namespace erg
