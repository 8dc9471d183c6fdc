// Is a discriminator's logit the log density ratio that DDLS and Metropolis-Hastings GANs take it for?
#pragma once

#include "../../engine/tensor.h"

namespace erg::tools {

struct Calibration {
  double
      z;  // sum (y - D) / sqrt(sum D (1 - D)): about N(0,1) if D is calibrated (Dawid 1997, as in Turner et al. 2019)
  double ece;    // sum over bins of D of share * |mean y - mean D| (Guo et al. 2017)
  double brier;  // mean (y - D)^2 (Brier 1950)
};

/// Of D = sigmoid(logit) with y = 1 on held-out real samples and y = 0 on fresh fakes, logits [N] and [M]. N = M makes
/// the prior one half, which the logit of a GAN assumes. The ECE has equal bins of D; it is biased upwards by about the
/// noise of a bin. Throws std::invalid_argument where either has no logit.
Calibration calibration(const Tensor& real_logits, const Tensor& fake_logits, int bins = 15);

}  // namespace erg::tools
