#include "tempering.h"

#include <cmath>
#include <numeric>
#include <string>

#include "../engine/ops.h"
#include "mala.h"
#include "metropolis.h"

namespace erg {

namespace {

/// Rung i of the result is rung from[i]: rows [B*R,...] whose groups of R are a ladder each.
Tensor reorder(const Tensor& rows, const std::vector<size_t>& from) {
  const int64_t rungs = int64_t(from.size());
  const Tensor ladders = reshape(rows, {rows.dim(0) / rungs, rungs, rows.shape().row_size()});
  std::vector<Tensor> parts;
  for (const size_t rung : from) parts.push_back(slice(ladders, 1, int64_t(rung), int64_t(rung) + 1));
  return reshape(concat(parts, 1), rows.shape());
}

/// Exchanges the replicas of neighbouring rungs in pairs that begin at rungs of this parity. With E at inverse
/// temperatures beta, the ratio of the joint densities after and before is exp((beta_i - beta_j) (E_i - E_j)).
void exchange(const Tensor& beta, size_t rungs, size_t parity, Chains& replicas, Noise& noise) {
  std::vector<size_t> partner(rungs), lower(rungs);
  std::vector<real> offers(rungs);
  std::iota(partner.begin(), partner.end(), size_t(0));
  lower = partner;
  for (size_t i = parity; i + 1 < rungs; i += 2) {
    std::swap(partner[i], partner[i + 1]);
    lower[i + 1] = i;
    offers[i] = 1;
  }
  const Tensor beta_there = reorder(beta, partner), energy = replicas.energy / beta;
  Chains swapped = replicas;
  swapped.x = reorder(replicas.x, partner);
  const Tensor energy_there = reorder(energy, partner);
  swapped.energy = energy_there * beta;
  swapped.gradient = reorder(replicas.gradient, partner) * replicas.broadcast(beta / beta_there);

  const Tensor log_ratio = (beta - beta_there) * (energy - energy_there);
  const Tensor probability =
      metropolis_(replicas, swapped, log_ratio, reorder(chances(replicas, noise), lower));  // one chance a pair
  const Tensor offered = Tensor::from_host({1, int64_t(rungs)}, offers, beta.device());
  const Tensor met =
      reshape(reshape(probability, {replicas.count() / int64_t(rungs), int64_t(rungs)}) * offered, {replicas.count()});
  replicas.exchanges = replicas.exchanges ? replicas.exchanges + met : met;
  ++replicas.exchange_rounds;
}

}  // namespace

Chains ParallelTempering::replicate(const Tensor& x, int64_t first) const {
  check();
  const int64_t rungs = int64_t(temperatures.size());
  if (x.rank() < 1) throw std::invalid_argument("[tempering] the start must be [B,...], got " + to_string(x.shape()));
  Shape shape = x.shape();
  shape[0] *= rungs;
  const Tensor ladders =
      broadcast_to(reshape(x, {x.dim(0), 1, x.shape().row_size()}), {x.dim(0), rungs, x.shape().row_size()});
  return Chains(reshape(ladders, shape), first * rungs);
}

Tensor ParallelTempering::at(const Tensor& replicas, size_t i) const {
  const int64_t rungs = int64_t(temperatures.size());
  if (i >= temperatures.size() || replicas.rank() < 1 || replicas.dim(0) % rungs != 0)
    throw std::invalid_argument("[tempering] no temperature " + std::to_string(i) + " of " + std::to_string(rungs) +
                                " among rows " + to_string(replicas.shape()));
  Shape shape = replicas.shape();
  shape[0] /= rungs;
  return reshape(slice(reshape(replicas, {shape[0], rungs, shape.row_size()}), 1, int64_t(i), int64_t(i) + 1), shape);
}

std::vector<real> ParallelTempering::exchange_rates(const Chains& replicas) const {
  std::vector<real> rates;
  for (size_t i = 0; i + 1 < temperatures.size(); ++i) {
    const int64_t offers = (replicas.exchange_rounds + (i % 2 == 0)) / 2;  // even pairs meet first
    rates.push_back(offers ? mean(at(replicas.exchanges, i)).item() / real(offers) : 0);
  }
  return rates;
}

void ParallelTempering::check() const {
  Mala{eta}.check();
  if (temperatures.empty()) throw std::invalid_argument("[tempering] wants at least one temperature");
  real below = 0;
  for (const real t : temperatures) {
    if (!(t > below) || !std::isfinite(t))
      throw std::invalid_argument("[tempering] temperatures must be positive and rise, got " + std::to_string(t) +
                                  " after " + std::to_string(below));
    below = t;
  }
}

void ParallelTempering::step(const Energy& energy, Chains& replicas, Noise& noise) const {
  const int64_t rungs = int64_t(temperatures.size()), chains = replicas.count() / rungs;
  if (chains * rungs != replicas.count())
    throw std::invalid_argument("[tempering] " + std::to_string(replicas.count()) + " chains are no replicas at " +
                                std::to_string(rungs) + " temperatures; make them with replicate()");
  const Tensor ladder = Tensor::from_host({1, rungs}, temperatures, replicas.x.device());
  const Tensor temperature = reshape(broadcast_to(ladder, {chains, rungs}), {replicas.count()});
  const Tensor beta = reciprocal(temperature);

  if (!replicas.step_size) replicas.step_size = eta * temperature;
  Mala{eta}.step([&](const Tensor& x) { return beta * energy(x); }, replicas, noise);
  if (rungs > 1) exchange(beta, size_t(rungs), size_t(replicas.exchange_rounds % 2), replicas, noise);
}

}  // namespace erg
