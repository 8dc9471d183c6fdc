// Calibration: a critic's scores as the log ratio log p_data/p_G, learned from held-out data (Turner et al. 2019). G
// and the critic stay as they are; a map of the score t to a logit is fitted to tell held-out real samples from as
// fresh fakes:
//
//   Beta1      d = a + b t                               logistic regression on the logit (Platt 1999)
//   Beta2      d = a + b log D + c log(1 - D)            with D = sigmoid(t) (Kull et al. 2017); Beta1 where c = -b
//   Isotonic   D a rising step function of t             by pool adjacent violators (Ayer et al. 1955)
//
// Where there are not as many fakes as real samples, the log of that ratio is taken off again. An isotonic map has no
// gradient to follow, being flat nearly everywhere: it serves DRS and MH-GAN, and DDLS, DG-flow and DOT refuse it.
#pragma once

#include <utility>
#include <vector>

#include "refiner.h"

namespace erg {

/// Scores [R] of held-out real samples and [F] of fakes. All of `fit` throw std::invalid_argument where there are none
/// of a kind or one is no finite number, and make a map for scores on the device of these.
struct Scores {
  Tensor real, fake;
};

/// d = shift + scale t
struct Beta1 {
  static constexpr bool differentiable = true;
  real shift = 0, scale = 1;

  /// The map of greatest likelihood.
  static Beta1 fit(const Scores& scores);
  /// [B] -> [B]
  Tensor operator()(const Tensor& score) const { return affine(score, scale, shift); }
};

/// d = shift + real_weight log D + fake_weight log(1 - D)
struct Beta2 {
  static constexpr bool differentiable = true;
  real shift = 0, real_weight = 1, fake_weight = -1;  // a, b, c

  /// The map of greatest likelihood.
  static Beta2 fit(const Scores& scores);
  /// [B] -> [B]
  Tensor operator()(const Tensor& score) const {
    return shift - real_weight * softplus(-score) - fake_weight * softplus(score);
  }
};

/// Flat on each block of scores, with a straight line of the logit between a block and the next. D keeps 1e-14 away
/// from 0 and 1.
struct Isotonic {
  static constexpr bool differentiable = false;
  real lowest = 0;        // the first block's logit
  Tensor from, to, rise;  // [1,K]: where a block ends, where the next begins, and by how much that one is higher

  /// The map of greatest likelihood.
  static Isotonic fit(const Scores& scores);
  /// [B] -> [B]
  Tensor operator()(const Tensor& score) const;
};

/// The rising sequence nearest to `values` in the sum of weight * squared difference: their means over blocks.
std::vector<double> pool_adjacent_violators(std::vector<double> values, std::vector<double> weights);

/// The same GAN with its logit calibrated.
template <class Calibrator>
GanView calibrated(GanView gan, Calibrator calibrator) {
  gan.differentiable = gan.differentiable && Calibrator::differentiable;
  gan.logit = [score = std::move(gan.logit), calibrator = std::move(calibrator)](const Tensor& x) {
    return calibrator(score(x));
  };
  return gan;
}

}  // namespace erg
