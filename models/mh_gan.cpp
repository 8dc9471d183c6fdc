#include "mh_gan.h"

#include <algorithm>
#include <limits>

#include "../kernels/metropolis.h"

namespace erg {

namespace {

constexpr real infinity = std::numeric_limits<real>::infinity(), nowhere = std::numeric_limits<real>::quiet_NaN();

/// `count` independence chains: where they are in latent space, `nowhere` before they first move, and their logits.
class IndependenceChains {
 public:
  IndependenceChains(int64_t count, int64_t latent, Device device)
      : z_(Tensor::full({count, latent}, nowhere, device)),
        logit_(Tensor::full({count}, -infinity, device)),
        handicap_(Tensor::zeros({count}, device)),
        accepted_(Tensor::zeros({count}, device)) {}

  /// Those that have not moved begin anew, chain i at score i of the list from `first` on, or below every score where
  /// there is no list; the others rest. Returns how many begin.
  int64_t begin(const std::vector<real>& scores, size_t first) {
    const auto at = slice(z_, 1, 0, 1).to_host();
    auto logit = logit_.to_host();
    std::vector<real> handicap(logit.size(), -infinity);
    for (size_t i = 0; i < logit.size(); ++i)
      if (std::isnan(at[i])) {
        handicap[i] = 0;
        if (!scores.empty()) logit[i] = scores[(first + i) % scores.size()];
      }
    logit_ = Tensor::from_host(logit_.shape(), logit, z_.device());
    handicap_ = Tensor::from_host(logit_.shape(), handicap, z_.device());
    return std::count(handicap.begin(), handicap.end(), real(0));
  }

  /// Proposes z' of the prior to every chain.
  void propose(const GanView& gan, Noise& noise) {
    const int64_t count = z_.dim(0), latent = z_.dim(1);
    const Tensor proposed = gan.prior(count, noise), proposed_logit = gan.latent_logit(proposed);
    const Tensor log_ratio = proposed_logit - logit_ + handicap_, uniform = noise.uniform({count});
    // The kernel moves two rows a chain, a position and a gradient; here there is one.
    Tensor acceptance = Tensor::empty({count}, z_.device());
    const real* from = proposed.data();
    real* to = z_.mutate();
    kernels::metropolis_(stream_of(z_), log_ratio.data(), uniform.data(),
                         {count, latent, from, from, proposed_logit.data()}, acceptance.mutate(),
                         {count, latent, to, to, logit_.mutate()});
    accepted_ = accepted_ + acceptance;
  }

  const Tensor& z() const { return z_; }
  /// The sum of all probabilities of acceptance so far.
  double accepted() const { return double(sum(accepted_).item()); }

 private:
  Tensor z_, logit_;  // [count,latent], [count]
  Tensor handicap_;   // [count], of the log ratio: 0 where a chain moves, -infinity where it rests
  Tensor accepted_;   // [count]
};

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
  const std::vector<real> scores = start ? start.to_host() : std::vector<real>();
  IndependenceChains chains(count, gan.prior(1, noise).dim(1), noise.device());
  int64_t taken = 0, made = 0, waiting = 0;
  for (size_t round = 0; (waiting = chains.begin(scores, round)) > 0; ++round, taken += proposals) {
    if (int64_t(round) == patience)
      throw ExhaustedError("[mh-gan] " + std::to_string(waiting) + " of " + std::to_string(count) +
                           " chains accepted none of " + std::to_string(taken) +
                           " proposals; calibrate the logit, or start without real samples' scores");
    for (int64_t k = 0; k < proposals; ++k) chains.propose(gan, noise);
    made += waiting * proposals;
  }
  return {gan.generate(chains.z()), chains.accepted() / double(made), double(taken + 1)};
}

}  // namespace erg
