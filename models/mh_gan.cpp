#include "mh_gan.h"

#include <algorithm>
#include <limits>

#include "../kernels/metropolis.h"

namespace erg {

namespace {

constexpr real infinity = std::numeric_limits<real>::infinity(), nowhere = std::numeric_limits<real>::quiet_NaN();

/// `count` independence chains: where they are in latent space, `nowhere` before they first move, and their logits.
struct IndependenceChains {
  Tensor z, logit;      // [count,latent], [count]
  Tensor acceptance{};  // [count], of the last proposal

  /// Proposes z' of the prior to every chain; `handicap` [count], where present, is added to the log ratio.
  void propose(const GanView& gan, Noise& noise, const Tensor& handicap = {}) {
    const int64_t count = z.dim(0), latent = z.dim(1);
    const Tensor proposed = gan.prior(count, noise), proposed_logit = gan.latent_logit(proposed);
    const Tensor ratio = proposed_logit - logit, uniform = noise.uniform({count});
    const Tensor log_ratio = handicap ? ratio + handicap : ratio;
    // The kernel moves two rows a chain, a position and a gradient; here there is one.
    acceptance = Tensor::empty({count}, z.device());
    const real* from = proposed.data();
    real* to = z.mutate();
    kernels::metropolis_(stream_of(z), log_ratio.data(), uniform.data(),
                         {count, latent, from, from, proposed_logit.data()}, acceptance.mutate(),
                         {count, latent, to, to, logit.mutate()});
  }

  /// For each chain 0 where it has not moved yet, and -infinity where it has.
  std::vector<real> handicaps() const {
    const auto first = slice(z, 1, 0, 1).to_host();
    std::vector<real> handicap;
    for (const real value : first) handicap.push_back(std::isnan(value) ? 0 : -infinity);
    return handicap;
  }
};

/// The first chains' scores: those of `start` over and over, or less than any score.
Tensor starting_logits(const Tensor& start, int64_t count, Device device) {
  if (!start) return Tensor::full({count}, -infinity, device);
  const auto scores = start.to_host();
  std::vector<real> logits;
  for (int64_t i = 0; i < count; ++i) logits.push_back(scores[size_t(i) % scores.size()]);
  return Tensor::from_host({count}, logits, device);
}

}  // namespace

void MhGan::check() const {
  const auto expect = [](bool holds, const std::string& what) {
    if (!holds) throw std::invalid_argument("[mh-gan] " + what);
  };
  expect(proposals >= 1, "proposals must be at least 1, got " + std::to_string(proposals));
  expect(patience >= 1, "patience must be at least 1, got " + std::to_string(patience));
  expect(!start || (start.rank() == 1 && start.size() > 0),
         "start must be the logits of real samples, [R]" + (start ? ", got " + to_string(start.shape()) : ""));
}

Refined MhGan::sample(const GanView& gan, int64_t count, Noise& noise) const {
  check();
  const Pause pause;
  const int64_t latent = gan.prior(1, noise).dim(1);
  const Device device = noise.device();
  IndependenceChains chains{Tensor::full({count, latent}, nowhere, device), starting_logits(start, count, device)};
  Tensor accepted = Tensor::zeros({count}, device);
  for (int64_t k = 0; k < proposals; ++k) {
    chains.propose(gan, noise);
    accepted = accepted + chains.acceptance;
  }

  int64_t taken = proposals;
  std::vector<real> handicaps = chains.handicaps();
  const auto waiting = [&] { return std::count(handicaps.begin(), handicaps.end(), real(0)); };
  for (; waiting() > 0 && taken < patience * proposals; ++taken) {
    chains.propose(gan, noise, Tensor::from_host({count}, handicaps, device));
    handicaps = chains.handicaps();
  }
  if (waiting() > 0)
    throw ExhaustedError("[mh-gan] " + std::to_string(waiting()) + " of " + std::to_string(count) +
                         " chains accepted none of " + std::to_string(taken) +
                         " proposals; calibrate the logit, or start without real samples' scores");
  return {gan.generate(chains.z), double(mean(accepted).item()) / double(proposals), double(taken + 1)};
}

}  // namespace erg
