// Distances between discrete distributions, and what they are worth when one of the two is a histogram of samples.
//
// All in nats. A distribution is a vector of probabilities; both arguments have the same number of them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace erg::tools {

using Probabilities = std::vector<double>;

/// Counts as shares of their sum. Throws std::invalid_argument where there is nothing to share.
Probabilities shares(std::span<const int64_t> counts);
Probabilities uniform(size_t size);

/// -sum p log p.
double entropy(const Probabilities& p);

// Each throws std::invalid_argument unless p and q have the same size.

/// KL(p || q) = sum p log(p/q); infinite where q is 0 and p is not.
double kl_divergence(const Probabilities& p, const Probabilities& q);
/// (KL(p||m) + KL(q||m)) / 2 with m = (p+q)/2, in [0, log 2]; its square root is a metric (Endres & Schindelin 2003).
/// A perfect discriminator of p and q has the GAN value 2 JS - 2 log 2. Texts that leave the half out have twice this.
double js_divergence(const Probabilities& p, const Probabilities& q);
/// sum |p-q| / 2, in [0, 1].
double total_variation(const Probabilities& p, const Probabilities& q);
/// Pearson's sum (p-q)^2 / q; infinite where q is 0 and p is not.
double chi_squared(const Probabilities& p, const Probabilities& q);
/// sum (sqrt p - sqrt q)^2, in [0, 2] (f-GAN's convention; others halve it).
double squared_hellinger(const Probabilities& p, const Probabilities& q);

// ---- Floors: what perfect sampling scores, since a histogram of n draws is not the distribution it is drawn from

/// The expectation of sum_k g(count_k) over histograms of n draws from p. Each count is binomial, so this is exact.
double expected_sum(const Probabilities& p, int64_t n, const std::function<double(int64_t count)>& g);
/// How many values n draws from p show at least once: sum_k 1 - (1 - p_k)^n.
double expected_modes(const Probabilities& p, int64_t n);
/// The expectation of kl_divergence(shares(counts), uniform). For uniform p and many draws it is near (K-1)/(2n).
double expected_kl_to_uniform(const Probabilities& p, int64_t n);
double expected_js_to_uniform(const Probabilities& p, int64_t n);

}  // namespace erg::tools
