// Chains that persist between training steps, or begin at the data: what systems with a sampler are fed with.
#pragma once

#include "../../models/ebm.h"
#include "../../samplers/langevin.h"
#include "../../samplers/replay.h"
#include "recipe.h"

namespace erg::tools {

/// Langevin chains in a replay buffer, as the settings have them.
class PersistentChains {
 public:
  /// Throws UsageError where the settings make no chains.
  PersistentChains(const Settings& settings, const Shape& sample);
  PersistentChains(const PersistentChains&) = delete;

  /// Some chains of the buffer, moved on and put back; or new ones from the data. It lives no longer than this object.
  Ebm::NegativeSampler sampler();
  /// Chains of the buffer, or new ones as long as it is empty.
  Tensor start(int64_t count);
  /// Chains from the buffer, moved on by as many steps as training moves them.
  Tensor sample(const Energy& energy, int64_t count, Noise& noise) {
    return run(langevin_, energy, start(count), steps_, noise);
  }
  /// The law the energy was trained under: the temperature and the box are those of the chains. Throws UsageError for
  /// chains without noise.
  Target target(Energy energy);
  void visit(Visitor& v);

 private:
  Langevin langevin_;
  int64_t steps_;
  bool from_data_;
  Noise noise_, fresh_noise_;
  ReplayBuffer::Fresh fresh_;
  ReplayBuffer buffer_;
};

/// A system that learns from such chains: Ebm, Jem. make(sampler) returns it.
template <class System>
class WithChains {
 public:
  template <class Make>
  WithChains(const Settings& s, const Shape& sample, const Make& make)
      : name_(s.system), chains_(s, sample), system_(make(chains_.sampler())) {}

  Metrics step(const Batches& next) requires requires(System& system) { system.step(next); }
  { return system_.step(next); }
  Metrics step(const LabelledBatches& labelled, const Batches& next) requires requires(System& system) {
    system.step(labelled, next);
  }
  { return system_.step(labelled, next); }
  void set_rate(real rate) { system_.set_rate(rate); }
  Energy energy() const { return system_.energy(); }
  Tensor logits(const Tensor& x) requires requires(System& system) { system.logits(x); }
  { return system_.logits(x); }
  Tensor sample(int64_t count, Noise& noise) { return chains_.sample(energy(), count, noise); }
  std::vector<Target> targets() { return {chains_.target(energy())}; }
  void visit(Visitor& v) {
    v.sub(name_, system_);
    v.sub("chains", chains_);
  }

 private:
  std::string name_;
  PersistentChains chains_;
  System system_;
};

/// Recipe::make's targets of such a system.
template <class System>
std::vector<Target> chain_target(WithChains<System>& system) {
  return system.targets();
}

}  // namespace erg::tools
