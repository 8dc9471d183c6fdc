// Convergence diagnostics of Markov chains: what their draws are worth as a sample of the law they are meant to follow.
//
// Draws are laid out as [chains, draws] for one quantity, or [chains, draws, n] for n of them (ArviZ's convention).
// diagnose() says everything about such a tensor; the functions below it say one thing about one quantity. Arithmetic
// is in double on the host. What cannot be estimated is NaN, never a large number: a quantity with a value that is not
// finite or a chain that never moves, and fewer than four draws a chain. (Mean and standard deviation only need finite
// draws.)
//
// Definitions follow Vehtari, Gelman, Simpson, Carpenter & Buerkner, "Rank-normalization, folding, and localization: an
// improved R-hat for assessing convergence of MCMC", Bayesian Analysis 16(2), 2021 (VGSCB below), as ArviZ has them.
#pragma once

#include <span>
#include <vector>

#include "../engine/tensor.h"

namespace erg {

/// All draws of one scalar.
struct Quantity {
  int64_t chains = 0, draws = 0;
  std::vector<double> values;  // [chains, draws]

  /// The draws of chain i.
  std::span<const double> chain(int64_t i) const { return {values.data() + i * draws, size_t(draws)}; }
};

/// The quantities of draws [chains, draws] or [chains, draws, n]. Throws std::invalid_argument for another rank or an
/// empty tensor.
std::vector<Quantity> quantities_of(const Tensor& draws);

// ---- One number about one quantity

/// Rank-normalised split R-hat: sqrt(estimated variance of the law / variance within half-chains), the larger of that
/// of the ranks' normal scores and that of the folded draws |x - median|, which also sees chains of different scale
/// (VGSCB, section 4). 1 at convergence. One chain is compared with itself, half against half.
double rhat(const Quantity& x);

/// How many independent draws would estimate the mean as well. Autocorrelations of all half-chains together (VGSCB,
/// section 3.2) are summed over Geyer's initial monotone sequence: pairs of neighbouring lags while they are positive,
/// each at most the one before (Geyer 1992, "Practical Markov chain Monte Carlo"; 2011, "Introduction to Markov chain
/// Monte Carlo"). Chains that alternate may exceed the number of draws N, up to N log10(N).
double ess_mean(const Quantity& x);
/// ESS of the ranks' normal scores: of the centre of the law, whether or not it has a mean (VGSCB, section 4).
double ess_bulk(const Quantity& x);
/// The smaller ESS of the indicators x <= q for the 5 % and 95 % quantiles (VGSCB, section 4). An indicator that never
/// varies, as one of a quantity with two values, leaves it to the other.
double ess_tail(const Quantity& x);

/// Monte Carlo standard error of the mean: sd / sqrt(ess_mean).
double mcse_mean(const Quantity& x);
/// Monte Carlo standard error of the standard deviation: that of the variance by the ESS of (x - mean)^2, carried over
/// to its root by the delta method.
double mcse_sd(const Quantity& x);

/// Energy Bayesian fraction of missing information of one chain of HMC: the sum of squared differences of its
/// Hamiltonians (energy and kinetic energy) over the sum of squared deviations (Betancourt 2016, "Diagnosing suboptimal
/// cotangent disintegrations in Hamiltonian Monte Carlo"). Near 0 when it walks slowly through its range, 2 for
/// independent draws.
double bfmi(std::span<const double> hamiltonians);

// ---- Everything

/// What one chain alone says of a quantity.
struct ChainSummary {
  double mean, sd, ess;  // ess_mean of the chain alone
};
/// What all chains say of a quantity: each number as the function of its name has it.
struct Summary {
  double mean, sd, mcse_mean, mcse_sd, rhat, ess_bulk, ess_tail;
  std::vector<ChainSummary> chains;
};
/// All of that.
Summary summarize(const Quantity& x);

/// Of one chain.
struct EnergySummary {
  double mean, sd;
};
/// What is known of draws.
struct Diagnosis {
  int64_t chains, draws;
  std::vector<Summary> quantities;
  std::vector<EnergySummary> energy;  // of each chain; empty without a trace of it
  std::vector<double> acceptance;     // rate of each chain; empty without a trace of it
  std::vector<double> bfmi;           // of each chain; empty without a Hamiltonian
};
/// Summarises every quantity of the draws and the two traces that a sampler may keep beside them, [chains, draws] each:
/// the energy, and the probability of acceptance (or 1 and 0 for accepted and rejected); and of HMC the Hamiltonian,
/// from which alone E-BFMI is told. Throws std::invalid_argument for draws that quantities_of refuses, and for a trace
/// of another shape.
Diagnosis diagnose(const Tensor& draws, const Tensor& energy = {}, const Tensor& acceptance = {},
                   const Tensor& hamiltonian = {});

// ---- Verdicts

/// How far draws are to be trusted.
enum class Verdict { ok, warn, error };

namespace limits {
/// Above it: warn (VGSCB).
inline constexpr double rhat_warn = 1.01;
/// Above it: error. As R-hat is about sqrt(1 + chains / ESS) (Vats & Knudson 2021, "Revisiting the Gelman-Rubin
/// diagnostic"), 1.05 stands for ten effective draws a chain: too few to trust even the standard errors.
inline constexpr double rhat_error = 1.05;
/// Bulk or tail ESS below it, times the number of chains: warn (VGSCB: 400 for 4 chains).
inline constexpr double ess_per_chain = 100;
/// E-BFMI below it: warn (the advice of Stan and ArviZ).
inline constexpr double bfmi = 0.3;
}  // namespace limits

/// By R-hat and the two ESS; error too if one of them is not finite.
Verdict judge(const Summary& quantity);
/// The worst of all quantities and traces. The acceptance rate has no limit, as the best one depends on the sampler.
Verdict judge(const Diagnosis& diagnosis);

}  // namespace erg
