// Replay buffer: chains that persist from one training step to the next.
//
// Persistent contrastive divergence (Tieleman 2008) draws a batch of chains from the buffer, restarts a small share of
// them from noise, runs the sampler, and puts them back (Du & Mordatch 2019 use 10,000 chains and 5 % restarts).
#pragma once

#include <functional>
#include <vector>

#include "../engine/random.h"

namespace erg {

class ReplayBuffer {
 public:
  /// fresh(count) makes new chains, [count,...]; the buffer starts full of them.
  using Fresh = std::function<Tensor(int64_t count)>;

  /// Throws std::invalid_argument unless capacity >= 1 and restart is in [0,1].
  ReplayBuffer(int64_t capacity, double restart, Fresh fresh, Noise noise);

  /// `count` different chains of the buffer, each with probability `restart` replaced by a fresh one: [count,...].
  /// Throws std::invalid_argument when count is larger than the buffer.
  Tensor draw(int64_t count);
  /// Puts back the chains of the last draw, in the same order, after the sampler moved them.
  void put_back(const Tensor& chains);

  /// All chains, [capacity,...].
  const Tensor& chains() const { return chains_; }
  void visit(Visitor& v);

 private:
  /// fresh_(count), which must have the form of the chains in the buffer.
  Tensor make_fresh(int64_t count) const;

  double restart_;
  Fresh fresh_;
  Noise noise_;
  Tensor chains_;
  std::vector<int64_t> drawn_;
};

}  // namespace erg
