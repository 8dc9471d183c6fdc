// Refiners: better samples of a trained GAN, by what its discriminator still knows of the difference to the data.
//
// At the discriminator's optimum its logit is the log ratio d(x) = log p_data/p_G: what rejection (drs.h), a Markov
// chain's accept step (mh_gan.h), dynamics in latent space (ddls.h, dgflow.h) or transport (dot.h) need in order to
// follow the data with G's samples. Where the score is no such logit (a hinge or Wasserstein critic, or any
// discriminator that was not trained to its optimum), calibration.h makes it one, by held-out data.
//
// A refiner is a plain struct of constants with
//
//   void check() const;                                                      refuses constants that make none
//   Refined sample(const GanView& gan, int64_t count, Noise& noise) const;   count new samples
//
// Samples do not see each other: the first n of them have the same bits whatever count was asked for.
#pragma once

#include <cmath>
#include <functional>
#include <stdexcept>
#include <string>

#include "../engine/energy.h"
#include "../engine/ops.h"
#include "../engine/random.h"
#include "../engine/tape.h"

namespace erg {

/// A trained GAN as refiners see it. G and D are in evaluation mode.
struct GanView {
  std::function<Tensor(int64_t count, Noise& noise)> prior;  // z [count,latent]
  std::function<Tensor(const Tensor& z)> generate;           // G(z): [B,latent] -> [B,...]
  std::function<Tensor(const Tensor& x)> logit;              // d(x): [B,...] -> [B]
  bool differentiable = true;                                // whether the logit's gradient means anything

  /// d(G(z)): [B,latent] -> [B].
  Tensor latent_logit(const Tensor& z) const { return logit(generate(z)); }
};

/// A refiner's samples, and what they took.
struct Refined {
  Tensor samples;         // [count,...]
  double acceptance = 1;  // the share of proposals that were accepted; 1 where none is ever refused
  double calls = 1;       // of G, a sample
};

/// A refiner that has not found its samples among the candidates it may take.
class ExhaustedError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The view of any system that has these three members; it must outlive the view.
template <class System>
GanView view_of(const System& gan) {
  return {.prior = [&gan](int64_t count, Noise& noise) { return gan.prior(count, noise); },
          .generate = [&gan](const Tensor& z) { return gan.generate(z); },
          .logit = [&gan](const Tensor& x) { return gan.logit(x); }};
}

/// Throws std::invalid_argument if `who` would follow a gradient that the view's logit does not have.
inline void check_gradient(const GanView& gan, const std::string& who) {
  if (!gan.differentiable)
    throw std::invalid_argument("[" + who + "] follows the gradient of the logit, and an isotonic one is flat; " +
                                "calibrate by Beta1 or Beta2, or refine by DRS or MH-GAN");
}

}  // namespace erg
