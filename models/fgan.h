// f-GAN: any f-divergence as a game (Nowozin et al. 2016).
//
//   D_f(P|Q) = E_Q f(p/q)  =  sup_T  E_P T(x) - E_Q f*(T(x))          P: the data, Q: the generator's samples
//
//   V ascends   E g(V(x)) - E f*(g(V(G(z))))
//   G descends  -E f*(g(V(G(z)))), or, with the trick, -E g(V(G(z)))
//
// f* is the convex conjugate of f, and the activation g maps the network's output into f*'s domain. V's objective is a
// lower bound of D_f, tight at T = f'(p/q). The trick is the non-saturating GAN's: a stronger gradient while samples
// are bad, and the same fixed points.
//
//   divergence         f(u)                               T = g(v)               f*(t)            T at the optimum
//   kl                 u log u                            v                      exp(t - 1)       1 + log u
//   reverse-kl         -log u                             -exp(-v)               -1 - log(-t)     -1/u
//   pearson            (u - 1)^2                          v                      t^2/4 + t        2 (u - 1)
//   hellinger          (sqrt u - 1)^2                     1 - exp(-v)            t / (1 - t)      1 - 1/sqrt u
//   jensen-shannon     u log u - (u+1) log((u+1)/2)       log 2 - softplus(-v)   -log(2 - e^t)    log(2u / (u+1))
//   gan                u log u - (u+1) log(u+1)           -softplus(-v)          -log(1 - e^t)    log(u / (u+1))
//   total-variation    |u - 1| / 2                        tanh(v) / 2            t                sign(u - 1) / 2
//
// kl is that of P from Q, reverse-kl that of Q from P. jensen-shannon has no halves, and gan is that minus 2 log 2: the
// value of Goodfellow's game. V itself is the log density ratio for reverse-kl, jensen-shannon and gan, 1 more than it
// for kl and half of it for hellinger; for the other two it is not, and DDLS does not apply.
#pragma once

#include <span>
#include <string>

#include "adversarial.h"

namespace erg {

/// One row of the table: how a divergence is written in the network's output v, [B] to [B].
struct Divergence {
  const char* name;
  Tensor (*activation)(const Tensor& v);  // g(v)
  Tensor (*conjugate)(const Tensor& v);   // f*(g(v)), simplified: no logarithm of a difference, no quotient
};
/// The table.
std::span<const Divergence> divergences();
/// Throws std::invalid_argument for an unknown name.
const Divergence& divergence(const std::string& name);

class Fgan : public Adversarial {
 public:
  struct Options {
    int64_t latent = 2;
    std::string divergence = "jensen-shannon";
    bool trick = true;
    int critic_steps = 1;
    Adam::Options generator_adam{.rate = 2e-4f, .beta1 = 0.5f}, critic_adam{.rate = 2e-4f, .beta1 = 0.5f};
  };

  /// generator: [B,latent] -> [B,...]; critic: [B,...] -> [B,1], the output v before the activation.
  /// Throws std::invalid_argument for an unknown divergence and unless critic_steps is at least 1.
  Fgan(Sequential generator, Sequential critic, const Options& options, Noise latent);

  /// The two losses in v; the bound of the divergence, and the means of T.
  static Objective objective(const Divergence& f, bool trick);
};

}  // namespace erg
