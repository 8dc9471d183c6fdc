// EBM: an energy-based model trained by (persistent) contrastive divergence (Hinton 2002, Tieleman 2008).
//
//   grad_theta E[-log p(x)] = E_data grad_theta E(x) - E_model grad_theta E(x')
//
// so the loss is E(x) - E(x') with the model's samples x' held constant. Where they come from is the sampler's
// business: a step is given a function that turns an energy into samples. Du & Mordatch 2019 (IGEBM; their code) order
// three forms of the loss by how stable they found them,
//
//   difference  E E(x) - E E(x')                          every x' pulls alike
//   logsumexp   E E(x) + log sum exp(-E(x'))              those of low energy pull, by softmax(-E(x'))
//   softplus    E softplus(E(x) - E(x'))                  a pair in the right order stops pulling
//
// and add
//
//   energy_l2 * (E E(x)^2 + E E(x')^2)                    the energies stay near zero
//   last_step.weight * E E_frozen(x'')                    x'' = x' - drift * clip(grad_x E(x')), one step further
//
// The second is the term that contrastive divergence drops: samples depend on theta too, and here by one recorded step
// of descent (its own samples stay with the sampler). E_frozen's weights count as constants, so theta learns only
// through the step.
//
// Nijkamp et al. 2020 scale the energy, E = F / (epsilon^2/2) with F the network, and descend at the rate
// (epsilon^2/2) rate0. On F that is plain: Sgd at rate0, chains that step x - grad F + epsilon xi, of temperature
// epsilon^2/2 (Langevin::tempered(1, epsilon)), data_noise of at least epsilon, and the rate annealed by set_rate.
#pragma once

#include <optional>
#include <span>
#include <variant>

#include "system.h"

namespace erg {

class Ebm {
 public:
  /// How E(x) and E(x') become a loss: see above.
  enum class Loss { difference, logsumexp, softplus };
  /// One more step of descent, through which the loss is differentiated. IGEBM's constants; ours: off.
  struct LastStep {
    real weight = 0;  // theirs is 1
    real drift = 10, grad_clip = 0.01f;
  };
  /// As many samples of the model as there are of data, by whatever sampler: chains that persist between calls, for
  /// PCD; short ones that begin at the data x, for contrastive divergence.
  using NegativeSampler = std::function<Tensor(const Energy& energy, const Tensor& x)>;
  /// What can be chosen.
  struct Options {
    Loss loss = Loss::difference;
    real energy_l2 = 0;
    real data_noise = 0;  // standard deviation of noise added to the data; at least the sampler's (Nijkamp et al. 2020)
    LastStep last_step = {};
    bool watch_gradient = false;  // report |grad_x E(x')| too, at the price of one more pass over x'
    Adam::Options adam{.rate = 1e-4f, .beta1 = 0, .beta2 = 0.999f};
    std::optional<Sgd::Options> sgd = {};  // instead of Adam
  };

  /// net: [B,...] -> [B,1].
  Ebm(Sequential net, const Options& options, NegativeSampler sampler, Noise data_noise);

  /// Reports E(x), E(x') and "gap", their difference d; with last_step "kl"; with watch_gradient "grad(x')", r.
  Metrics step(const Batches& next);
  /// Learning rate of the energy from now on.
  void set_rate(real rate);

  /// The energy as samplers see it. It shares the weights, and so follows the training.
  Energy energy() const { return NetEnergy{net_}; }

  /// The loss from the energies of data and of samples, [B] each; without the two terms that are added.
  static Tensor loss(Loss form, const Tensor& energy_real, const Tensor& energy_fake);
  /// E_frozen(x'') / weight: a scalar on the tape that records, which must know the network's weights.
  static Tensor last_step(Tape& tape, Sequential net, const LastStep& step, const Tensor& samples);

  void visit(Visitor& v);

 private:
  Options options_;
  Sequential net_;
  std::vector<Tensor> params_;
  std::variant<Adam, Sgd> optimiser_;
  NegativeSampler sampler_;
  Noise data_noise_;
};

/// What a run's differences d = E E(x) - E E(x') say of it (Nijkamp et al. 2020, appendix): they should swing around
/// zero.
enum class EnergyTrend {
  balanced,   // both signs, in no order: the chains keep up with the energy
  flipping,   // the sign changes at every step: the rate is too high for chains that converge; short runs may look well
  falling,    // nearly always negative: samples are left high above the data. Chains too short or stuck, or data_noise
              // below the chains' noise
  rising,     // nearly always positive: samples lie below the data, and the energy has lost it. Lower the rate
  exploding,  // the gradient on the chains grew tenfold, or numbers are not finite: go back to a checkpoint
};
/// The trend of the last differences, and of the gradients |grad_x E(x')| at the same steps, which may be absent. Signs
/// are judged by their share: nine tenths make a trend. Throws std::invalid_argument for fewer than 20 differences,
/// which show none, and unless there are as many gradients as differences or none.
EnergyTrend energy_trend(std::span<const double> differences, std::span<const double> gradients = {});
/// The trend in one line, with what to do about it.
const char* describe(EnergyTrend trend);

}  // namespace erg
