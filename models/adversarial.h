// The game of two networks: a generator G turns noise into samples, and a critic d scores samples, so that real ones
// can be told from G's. What a score means is the paper's business: a discriminator's logit, a Wasserstein critic's
// value, an energy.
//
//   critic_steps times   x ~ data, z ~ prior:   d descends  critic(d(x), d(G(z))) + weight * penalty
//   then once            z ~ prior:             G descends  generator(d(G(z)))
//
// The two losses are the Objective. A system of this family is its objective, its constants and little else: gan.h,
// lsgan.h, fgan.h, wgan.h, wgan_gp.h, sngan.h, ddgm.h; unrolled.h has a generator's step of its own.
#pragma once

#include <limits>
#include <memory>
#include <variant>

#include "system.h"

namespace erg {

/// The squared norm of each sample's gradient, |grad f(x)|^2 over all its elements: [B,...] -> [B]. What gradient
/// penalties are made of: its sweep is recorded (Keep::graph), so that it can be differentiated again.
Tensor squared_gradient(Tape& tape, const Energy& f, const Tensor& x);
/// The same where the values f(x) [B] are already on the tape, and x is watched.
Tensor squared_gradient(Tape& tape, const Tensor& values, const Tensor& x);

/// What both players minimise: scalars made of scores [B], those of real and of fake samples.
struct Objective {
  std::function<Tensor(const Tensor& real, const Tensor& fake)> critic;
  std::function<Tensor(const Tensor& fake)> generator;
  /// What to watch of the critic while it trains.
  std::function<Metrics(const Tensor& loss, const Tensor& real, const Tensor& fake)> report;
  /// Added to the critic's loss with `weight`, unless absent: a scalar made of the critic and both batches.
  std::function<Tensor(Tape& tape, const Energy& critic, const Tensor& x, const Tensor& fake)> penalty = {};
  real weight = 0;
};

/// The report of a critic whose scores speak for themselves: its loss, E d(x) and E d(G(z)).
Metrics report_scores(const Tensor& loss, const Tensor& real, const Tensor& fake);

/// A network as the game sees it: any part with operator()(x, mode) and visit(v). Copies share the weights.
struct Network {
  std::function<Tensor(const Tensor& x, Mode mode)> apply;
  std::function<void(Visitor& v)> visit;

  /// Takes over a network.
  template <class Net>
  Network(Net net) {  // NOLINT: meant to convert
    const auto shared = std::make_shared<Net>(std::move(net));
    apply = [shared](const Tensor& x, Mode mode) { return (*shared)(x, mode); };
    visit = [shared](Visitor& v) { shared->visit(v); };
  }
};

/// A network and the optimiser it learns by.
class Player {
 public:
  /// Learns by Adam.
  Player(Network net, const Adam::Options& options);
  /// After each step every weight is clipped to [-bound, bound] (WGAN's critic).
  Player(Network net, const RmsProp::Options& options, real bound = std::numeric_limits<real>::infinity());

  /// The network's output.
  Tensor operator()(const Tensor& x, Mode mode) const { return net_.apply(x, mode); }
  /// Its trained tensors.
  const std::vector<Tensor>& params() const { return params_; }
  /// One step of the optimiser down the loss, a scalar on the tape, which ends with it.
  void descend(Tape& tape, const Tensor& loss);
  /// The learning rate; and another one from now on.
  real rate() const { return rate_; }
  void set_rate(real rate);
  /// Names the weights "name..." and the optimiser's state "name_adam..." or "name_rmsprop...".
  void visit(Visitor& v, const std::string& name);

 private:
  Network net_;
  std::vector<Tensor> params_;
  std::variant<Adam, RmsProp> optimiser_;
  real rate_, bound_;
};

class Adversarial {
 public:
  /// What z is drawn from.
  enum class Prior { normal, uniform };  // N(0, I), or U[-1, 1] per coordinate
  struct Options {
    int64_t latent = 2;
    int critic_steps = 1;
    Prior prior = Prior::normal;
  };

  /// generator: [B,latent] -> [B,...]; critic: [B,...] -> [B,1].
  /// Throws std::invalid_argument unless critic_steps is at least 1.
  Adversarial(Player generator, Player critic, Objective objective, const Options& options, Noise latent);

  /// `critic_steps` steps of the critic, each on fresh data and fresh samples, then one of the generator.
  Metrics step(const Batches& next);
  /// One step of the critic alone. With G at rest, d goes on towards its optimum: what DDLS wants of it.
  Metrics step_critic(const Tensor& x);

  /// Learning rate of the generator from now on; the critic's keeps its ratio to it.
  void set_rate(real rate);

  /// z of the prior, [count, latent].
  Tensor prior(int64_t count, Noise& noise) const;
  /// G(z) with running batch statistics: samples that do not see each other.
  Tensor generate(const Tensor& z) const { return generator_(z, Mode::eval); }
  /// d(x), [B], with running statistics.
  Tensor logit(const Tensor& x) const { return scores(critic_(x, Mode::eval)); }

  void visit(Visitor& v);

 protected:
  /// One step of the generator on `batch` fresh z; its loss.
  Metric step_generator(int64_t batch);
  /// G(z) of fresh noise, and d(x), [B]: as training sees them.
  Tensor fresh_fakes(int64_t batch) { return generator_(prior(batch, latent_), Mode::train); }
  Tensor training_logit(const Tensor& x) const { return scores(critic_(x, Mode::train)); }

  Options options_;
  Player generator_, critic_;
  real rate_ratio_;
  Objective objective_;
  Noise latent_;
};

}  // namespace erg
