// EBGAN-LN: a ladder network as EBGAN's discriminator, for semi-supervised learning (Zhao et al. 2017, section 4.2).
//
// The energy is the ladder's reconstruction cost at the bottom, R(x) = |z^_0 - x|^2 / elements (ladder.h). With the
// hinge of EBGAN it learns from samples that are not data, too:
//
//   D descends  E -log p(y|x~) + weight * ( E R(x) + E [m - R(G(z))]_+ )
//   G descends  E R(G(z))
//
// The margin m goes to zero in the course of training: at EBGAN's equilibrium R is flat, and tells a classifier nothing
// of where the data is; at m = 0 what is left is the ladder network itself. The schedule was found by search in the
// paper (its appendix, not consulted); here m falls on a straight line. What scale of R its margins have is not known
// either: m is in the units of R above, a squared difference of one pixel. It should be of the order that R(x) has late
// in training; with a larger one, most of D's effort goes into fakes.
//
// The paper's errors on MNIST with 100, 200 and 1000 labels, 15 seeds: 1.04, 0.99 and 0.89 %, where its own run of the
// ladder has 1.36, 1.24 and 1.04.
#pragma once

#include "ladder.h"

namespace erg {

class EbganLn {
 public:
  struct Options {
    int64_t latent = 100;
    real weight = 1000;            // of R
    real margin = 0.01f;           // m at the start
    uint64_t margin_steps = 1000;  // after which it is zero
    Adam::Options generator_adam{.rate = 1e-3f}, ladder_adam{.rate = 2e-3f};
  };

  /// generator: [B,latent] -> [B,...]. Throws std::invalid_argument unless margin >= 0.
  EbganLn(Sequential generator, LadderNet net, const Options& options, Noise latent);

  /// One step of D on both batches, then one of G. Reports the ladder's metrics, "R(G)", "margin" and "loss_g".
  Metrics step(const LabelledBatches& labelled, const Batches& unlabelled);
  /// Learning rate of the ladder from now on; the generator's keeps its ratio to it.
  void set_rate(real rate);
  /// m at the next step.
  real margin() const;

  /// z ~ N(0, I), [count, latent].
  Tensor prior(int64_t count, Noise& noise) const { return noise.normal({count, options_.latent}); }
  /// G(z) with running batch statistics.
  Tensor generate(const Tensor& z) { return generator_(z, Mode::eval); }
  /// Logits [B,classes] without noise, with running statistics.
  Tensor logits(const Tensor& x) { return net_.logits(x, Mode::eval); }

  void visit(Visitor& v);

 private:
  Metrics step_ladder(const Labelled& labelled, const Tensor& x);
  Metric step_generator(int64_t batch);

  Options options_;
  Sequential generator_;
  LadderNet net_;
  std::vector<Tensor> generator_params_, ladder_params_;
  Adam generator_adam_, ladder_adam_;
  Noise latent_, corruption_;
  uint64_t steps_ = 0;
};

}  // namespace erg
