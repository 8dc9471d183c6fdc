#include "diagnostics.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>
#include <numeric>
#include <stdexcept>
#include <string>

#include <unsupported/Eigen/FFT>

namespace erg {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double mean(std::span<const double> x) { return std::accumulate(x.begin(), x.end(), 0.0) / double(x.size()); }

double squared_deviations(std::span<const double> x) {
  const double centre = mean(x);
  return std::accumulate(x.begin(), x.end(), 0.0,
                         [&](double sum, double value) { return sum + (value - centre) * (value - centre); });
}

double variance(std::span<const double> x) { return squared_deviations(x) / double(x.size() - 1); }

double median(std::vector<double> x) {
  const auto middle = x.begin() + int64_t(x.size() / 2);
  std::nth_element(x.begin(), middle, x.end());
  return x.size() % 2 ? *middle : (*std::max_element(x.begin(), middle) + *middle) / 2;
}

/// By linear interpolation between order statistics (definition 7 of Hyndman & Fan 1996).
double quantile(std::vector<double> x, double p) {
  std::sort(x.begin(), x.end());
  const double position = p * double(x.size() - 1), below = std::floor(position);
  const double low = x[size_t(below)], high = x[size_t(std::ceil(position))];
  return low + (position - below) * (high - low);
}

bool all_finite(std::span<const double> x) {
  return std::all_of(x.begin(), x.end(), [](double value) { return std::isfinite(value); });
}

bool is_constant(std::span<const double> x) {
  return std::all_of(x.begin(), x.end(), [&](double value) { return value == x[0]; });
}

/// Whether there is anything to estimate; halves of two draws are the shortest that have a variance.
bool is_estimable(const Quantity& x) {
  if (x.draws < 4 || !all_finite(x.values)) return false;
  for (int64_t i = 0; i < x.chains; ++i)
    if (is_constant(x.chain(i))) return false;
  return true;
}

template <class F>
Quantity transformed(Quantity x, const F& f) {
  std::transform(x.values.begin(), x.values.end(), x.values.begin(), f);
  return x;
}

/// Each chain as two; the middle draw of an odd number is dropped. A drift along the chains thereby separates them.
Quantity split(const Quantity& x) {
  Quantity halves{2 * x.chains, x.draws / 2, {}};
  halves.values.reserve(size_t(halves.chains * halves.draws));
  for (int64_t i = 0; i < x.chains; ++i)
    for (const auto half : {x.chain(i).first(size_t(halves.draws)), x.chain(i).last(size_t(halves.draws))})
      halves.values.insert(halves.values.end(), half.begin(), half.end());
  return halves;
}

Quantity folded(const Quantity& x) {
  return transformed(x, [centre = median(x.values)](double value) { return std::abs(value - centre); });
}

/// The inverse of the standard normal distribution function: a rational approximation (Abramowitz & Stegun 1964,
/// formula 26.2.23, off by at most 4.5e-4) and one step of Halley's method, which cubes the error.
double normal_quantile(double p) {
  if (p > 0.5) return -normal_quantile(1 - p);
  const double t = std::sqrt(-2 * std::log(p));
  const double z =
      (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t;
  const double excess = std::erfc(-z / std::numbers::sqrt2) / 2 - p;
  const double newton = excess * std::sqrt(2 * std::numbers::pi) * std::exp(z * z / 2);
  return z - newton / (1 + z * newton / 2);
}

/// Every draw replaced by the normal quantile of (rank - 3/8) / (N + 1/4), with its rank among all N draws and the
/// average rank of ties (Blom 1958).
Quantity rank_normalised(const Quantity& x) {
  std::vector<size_t> order(x.values.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return x.values[a] < x.values[b]; });
  Quantity z = x;
  for (size_t first = 0, last; first < order.size(); first = last) {
    for (last = first + 1; last < order.size() && x.values[order[last]] == x.values[order[first]];) ++last;
    const double rank = double(first + 1 + last) / 2;
    const double score = normal_quantile((rank - 0.375) / (double(order.size()) + 0.25));
    for (size_t i = first; i < last; ++i) z.values[order[i]] = score;
  }
  return z;
}

std::vector<double> chain_means(const Quantity& x) {
  std::vector<double> means;
  for (int64_t i = 0; i < x.chains; ++i) means.push_back(mean(x.chain(i)));
  return means;
}

/// sqrt(((n-1)/n W + B/n) / W) with the variances W within chains of length n and B/n between their means.
double potential_scale_reduction(const Quantity& x) {
  if (is_constant(x.values)) return nan;
  double within = 0;
  for (int64_t i = 0; i < x.chains; ++i) within += variance(x.chain(i)) / double(x.chains);
  const double n = double(x.draws);
  return std::sqrt((n - 1) / n + variance(chain_means(x)) / within);
}

/// Autocovariances at lags 0 ... length-1, with divisor `length`, averaged over the chains: the inverse transform of
/// the mean power spectrum. Zeros up to twice the length keep a chain's end apart from its beginning.
std::vector<double> mean_autocovariance(const Quantity& x) {
  Eigen::FFT<double> fft;
  fft.SetFlag(Eigen::FFT<double>::HalfSpectrum);
  std::vector<double> signal(std::bit_ceil(2 * size_t(x.draws)));
  std::vector<std::complex<double>> spectrum, power(signal.size() / 2 + 1);
  for (int64_t i = 0; i < x.chains; ++i) {
    const double centre = mean(x.chain(i));
    std::transform(x.chain(i).begin(), x.chain(i).end(), signal.begin(), [&](double v) { return v - centre; });
    fft.fwd(spectrum, signal);
    for (size_t k = 0; k < power.size(); ++k) power[k] += std::norm(spectrum[k]) / double(x.chains * x.draws);
  }
  fft.inv(signal, power);
  signal.resize(size_t(x.draws));
  return signal;
}

/// N / tau with tau = 1 + 2 sum_t rho_t over Geyer's initial monotone sequence (ess_mean).
double effective_sample_size(const Quantity& x) {
  if (is_constant(x.values)) return nan;
  const std::vector<double> covariance = mean_autocovariance(x);
  const double n = double(x.draws), total = double(x.chains) * n;
  const double within = covariance[0] * n / (n - 1);
  const double overall = covariance[0] + (x.chains > 1 ? variance(chain_means(x)) : 0);
  const auto correlation = [&](int64_t lag) { return 1 - (within - covariance[size_t(lag)]) / overall; };

  double tau = -1;  // the pair of lags 0 and 1 counts lag 0 twice
  double even = 1, odd = correlation(1), smallest = std::numeric_limits<double>::infinity();
  for (int64_t lag = 2; even + odd > 0 && lag + 2 < x.draws; lag += 2) {
    smallest = std::min(smallest, even + odd);
    tau += 2 * smallest;
    even = correlation(lag), odd = correlation(lag + 1);
  }
  tau += std::max(even, 0.0);  // the pair that ends the sequence still gives its even lag
  return total / std::max(tau, 1 / std::log10(total));
}

double indicator_ess(const Quantity& x, double probability) {
  const double q = quantile(x.values, probability);
  return effective_sample_size(split(transformed(x, [q](double value) { return double(value <= q); })));
}

double finite_mean(std::span<const double> x) { return all_finite(x) ? mean(x) : nan; }
double finite_deviation(std::span<const double> x) {
  return all_finite(x) && x.size() > 1 ? std::sqrt(variance(x)) : nan;
}

/// Calls f with each chain of a trace that is there.
template <class F>
void for_each_chain(const char* name, const Tensor& trace, const Diagnosis& diagnosis, const F& f) {
  if (!trace) return;
  const Shape expected{diagnosis.chains, diagnosis.draws};
  if (!(trace.shape() == expected))
    throw std::invalid_argument("[diagnose] " + std::string(name) + ": expected " + to_string(expected) + ", got " +
                                to_string(trace.shape()));
  const Quantity quantity = quantities_of(trace)[0];
  for (int64_t i = 0; i < quantity.chains; ++i) f(quantity.chain(i));
}

}  // namespace

std::vector<Quantity> quantities_of(const Tensor& draws) {
  if (draws.rank() < 2 || draws.rank() > 3 || draws.size() == 0)
    throw std::invalid_argument("[diagnose] expected draws [chains, draws] or [chains, draws, n], got " +
                                to_string(draws.shape()));
  const int64_t chains = draws.dim(0), length = draws.dim(1);
  const size_t n = size_t(draws.size() / (chains * length));
  std::vector<Quantity> quantities(n, {chains, length, std::vector<double>(size_t(chains * length))});
  const std::vector<real> values = draws.to_host();
  for (size_t i = 0; i < values.size(); ++i) quantities[i % n].values[i / n] = double(values[i]);
  return quantities;
}

double rhat(const Quantity& x) {
  if (!is_estimable(x)) return nan;
  const Quantity halves = split(x);
  // fmax and, below, fmin pass over NaN: folding or an indicator can make a constant of two values.
  return std::fmax(potential_scale_reduction(rank_normalised(halves)),
                   potential_scale_reduction(rank_normalised(folded(halves))));
}

double ess_mean(const Quantity& x) { return is_estimable(x) ? effective_sample_size(split(x)) : nan; }

double ess_bulk(const Quantity& x) { return is_estimable(x) ? effective_sample_size(rank_normalised(split(x))) : nan; }

double ess_tail(const Quantity& x) {
  return is_estimable(x) ? std::fmin(indicator_ess(x, 0.05), indicator_ess(x, 0.95)) : nan;
}

double mcse_mean(const Quantity& x) { return is_estimable(x) ? std::sqrt(variance(x.values) / ess_mean(x)) : nan; }

double mcse_sd(const Quantity& x) {
  if (!is_estimable(x)) return nan;
  const Quantity squares = transformed(x, [centre = mean(x.values)](double v) { return (v - centre) * (v - centre); });
  const double variance_of_squares = squared_deviations(squares.values) / double(squares.values.size());
  return std::sqrt(variance_of_squares / ess_mean(squares) / mean(squares.values)) / 2;
}

double bfmi(std::span<const double> hamiltonians) {
  if (hamiltonians.size() < 4 || !all_finite(hamiltonians)) return nan;
  double differences = 0;
  for (size_t i = 1; i < hamiltonians.size(); ++i) differences += std::pow(hamiltonians[i] - hamiltonians[i - 1], 2);
  return differences > 0 ? differences / squared_deviations(hamiltonians) : nan;
}

Summary summarize(const Quantity& x) {
  Summary summary{.mean = finite_mean(x.values),
                  .sd = finite_deviation(x.values),
                  .mcse_mean = mcse_mean(x),
                  .mcse_sd = mcse_sd(x),
                  .rhat = rhat(x),
                  .ess_bulk = ess_bulk(x),
                  .ess_tail = ess_tail(x),
                  .chains = {}};
  for (int64_t i = 0; i < x.chains; ++i) {
    const Quantity alone{1, x.draws, {x.chain(i).begin(), x.chain(i).end()}};
    summary.chains.push_back({finite_mean(alone.values), finite_deviation(alone.values), ess_mean(alone)});
  }
  return summary;
}

Diagnosis diagnose(const Tensor& draws, const Tensor& energy, const Tensor& acceptance, const Tensor& hamiltonian) {
  Diagnosis diagnosis;
  for (const Quantity& x : quantities_of(draws)) diagnosis.quantities.push_back(summarize(x));
  diagnosis.chains = draws.dim(0), diagnosis.draws = draws.dim(1);
  for_each_chain("energy", energy, diagnosis, [&](std::span<const double> chain) {
    diagnosis.energy.push_back({finite_mean(chain), finite_deviation(chain)});
  });
  for_each_chain("acceptance", acceptance, diagnosis,
                 [&](std::span<const double> chain) { diagnosis.acceptance.push_back(finite_mean(chain)); });
  for_each_chain("hamiltonian", hamiltonian, diagnosis,
                 [&](std::span<const double> chain) { diagnosis.bfmi.push_back(bfmi(chain)); });
  return diagnosis;
}

Verdict judge(const Summary& quantity) {
  const double numbers[] = {quantity.rhat, quantity.ess_bulk, quantity.ess_tail};
  if (!all_finite(numbers) || quantity.rhat > limits::rhat_error) return Verdict::error;
  const double enough = limits::ess_per_chain * double(quantity.chains.size());
  const bool warn = quantity.rhat > limits::rhat_warn || std::min(quantity.ess_bulk, quantity.ess_tail) < enough;
  return warn ? Verdict::warn : Verdict::ok;
}

Verdict judge(const Diagnosis& diagnosis) {
  bool finite = all_finite(diagnosis.acceptance) && all_finite(diagnosis.bfmi);
  for (const EnergySummary& energy : diagnosis.energy) finite = finite && std::isfinite(energy.mean);
  Verdict worst = finite ? Verdict::ok : Verdict::error;
  for (const Summary& quantity : diagnosis.quantities) worst = std::max(worst, judge(quantity));
  for (const double value : diagnosis.bfmi)
    if (value < limits::bfmi) worst = std::max(worst, Verdict::warn);
  return worst;
}

}  // namespace erg
