// MH-GAN: the Metropolis-Hastings generative adversarial network (Turner et al. 2019).
//
// A Markov chain whose proposals are fresh samples x' = G(z') whatever its state x: an independence sampler. It accepts
// with probability
//
//   min(1, (1/D(x) - 1) / (1/D(x') - 1)) = min(1, exp(d(x') - d(x))),    d the logit
//
// which makes its law p_G exp(d): the data's, where d is calibrated (calibration.h; the paper does it by isotonic
// regression). Chains are 640 proposals long, and each gives one sample, its last state. To spare them their burn-in
// they start at the score of a real sample, which itself is never returned: a chain that accepts no proposal is run
// again from the score of another.
//
// In logits no D reaches 0 or 1. A proposal without a number for a score is refused (the paper's code takes it).
#pragma once

#include "refiner.h"

namespace erg {

struct MhGan {
  int64_t proposals = 640;
  Tensor start = {};      // [R], logits of held-out real samples; absent: chains start at their first proposal
  int64_t patience = 20;  // how often a chain that does not move is run

  /// Throws std::invalid_argument unless counts are positive, and for a `start` that is no list or an empty one.
  void check() const;
  /// Chain i starts at start[i mod R], and again at the one after that. Throws ExhaustedError when a chain never moved.
  Refined sample(const GanView& gan, int64_t count, Noise& noise) const;
};

}  // namespace erg
