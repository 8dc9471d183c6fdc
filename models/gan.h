// GAN: generative adversarial networks (Goodfellow et al. 2014).
//
//   D ascends   E log D(x) + E log(1 - D(G(z)))
//   G descends  E log(1 - D(G(z)))               minimax, or
//   G ascends   E log D(G(z))                    non-saturating, the form that trains
//
// With the logit d(x), D = sigmoid(d), -log D = softplus(-d) and -log(1 - D) = softplus(d). At D's optimum d is the log
// ratio log p_data/p_G: minus an energy relative to the generator. DDLS (ddls.h) samples with it.
#pragma once

#include "system.h"

namespace erg {

class Gan {
 public:
  enum class GeneratorLoss { minimax, non_saturating };
  struct Options {
    int64_t latent = 2;
    GeneratorLoss generator_loss = GeneratorLoss::non_saturating;
    int discriminator_steps = 1;
    Adam::Options generator_adam{.rate = 2e-4f, .beta1 = 0.5f}, discriminator_adam{.rate = 2e-4f, .beta1 = 0.5f};
  };

  /// generator: [B,latent] -> [B,...]; discriminator: [B,...] -> [B,1], the logit d.
  /// Throws std::invalid_argument unless discriminator_steps is at least 1.
  Gan(Sequential generator, Sequential discriminator, const Options& options, Noise latent);

  /// `discriminator_steps` steps of D, each on fresh data and fresh samples, then one of G.
  Metrics step(const Batches& next);
  /// One step of D alone. With G at rest, D goes on towards its optimum: what DDLS wants of it.
  Metrics step_discriminator(const Tensor& x);

  /// Learning rate of both networks from now on.
  void set_rate(real rate) { generator_adam_.set_rate(rate), discriminator_adam_.set_rate(rate); }

  /// z ~ N(0, I), [count, latent].
  Tensor prior(int64_t count, Noise& noise) const { return noise.normal({count, options_.latent}); }
  /// G(z) with running batch statistics: samples that do not see each other.
  Tensor generate(const Tensor& z) { return generator_(z, Mode::eval); }
  /// d(x), [B].
  Tensor logit(const Tensor& x) { return scores(discriminator_(x, Mode::eval)); }

  void visit(Visitor& v);

 private:
  Metric step_generator(int64_t batch);
  /// d(x) with batch statistics, [B].
  Tensor training_logit(const Tensor& x) { return scores(discriminator_(x, Mode::train)); }

  Options options_;
  Sequential generator_, discriminator_;
  std::vector<Tensor> generator_params_, discriminator_params_;
  Adam generator_adam_, discriminator_adam_;
  Noise latent_;
};

}  // namespace erg
