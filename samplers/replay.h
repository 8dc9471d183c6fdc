// Replay buffer: chains that persist from one training step to the next.
//
// A training step draws a batch of chains, a small share of them restarted from noise, runs the sampler, and puts them
// back. What "back" means is the policy:
//
//   in_place   a chain returns to its own slot: persistent contrastive divergence (Tieleman 2008), JEM (Grathwohl et
//              al. 2020). The buffer starts full of fresh chains.
//   fifo       the batch is appended and overwrites the oldest chains: IGEBM (Du & Mordatch 2019).
//   reservoir  the buffer is a uniform sample of all chains ever put back (Vitter 1985, algorithm R): improved
//              contrastive divergence (Du et al. 2021).
//
// With fifo and reservoir the buffer starts empty; while it holds fewer chains than are drawn, the others are fresh.
// All that a run depends on is in visit(), provided that it is saved between put_back and the next draw.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "../engine/random.h"
#include "../kernels/quantise.h"

namespace erg {

/// Room for a fixed number of chains, in reals or in bytes. Bytes take a quarter of the memory.
class ChainStore {
 public:
  ChainStore() = default;
  /// Slots for chains, [slots,...], all zero. Bytes are read back as points of their bins, which `points` chooses.
  ChainStore(const Shape& shape, Device device, std::optional<kernels::ByteRange> bytes, const Noise& points);

  /// Of the memory, and where it is.
  const Shape& shape() const { return shape_; }
  Device device() const { return memory_.device(); }
  /// Chain i of a batch goes to slots[i], or nowhere if that is negative.
  void write(const Tensor& batch, const std::vector<int64_t>& slots);
  /// The chain in slots[i] becomes chain i of a batch, which may be longer; bytes are dequantised with one draw.
  void read(const std::vector<int64_t>& slots, Tensor& batch);
  /// The chains of the first `count` slots, [count,...]; bytes are read as the centres of their bins.
  Tensor first(int64_t count);
  /// One tensor, "chains"; bytes as the centres of their bins, which are quantised to the same bytes when loaded. And
  /// where the noise that reads bytes has come to.
  void visit(Visitor& v);

 private:
  /// Takes over what a visitor may have loaded into visited_.
  void settle();
  uint8_t* bytes() { return reinterpret_cast<uint8_t*>(memory_.mutate()); }

  Shape shape_;
  int64_t row_ = 0;  // elements of a chain
  std::optional<kernels::ByteRange> range_;
  std::optional<Noise> points_;  // with a range only
  Tensor memory_;                // of the store's shape; or a row of reals whose memory holds one byte for each element
  Tensor visited_;  // present from a visit to the next use: the bytes as reals, for the visitor to read or overwrite
};

/// The buffer; see above.
class ReplayBuffer {
 public:
  /// What "back" means.
  enum class Policy { in_place, fifo, reservoir };

  /// The defaults are JEM's. IGEBM's are {.policy = Policy::fifo, .bytes = kernels::ByteRange{0, 1}}, images in [0,1].
  struct Options {
    int64_t capacity = 10000;
    double restart = 0.05;  // a drawn chain's chance to be replaced by a fresh one
    Policy policy = Policy::in_place;
    std::optional<kernels::ByteRange> bytes = {};  // keep chains as bytes of this range, and clamp them to it
  };
  /// fresh(count) makes new chains, [count,...].
  using Fresh = std::function<Tensor(int64_t count)>;

  /// Chains live where fresh() makes them. The noise chooses among them on the host, and is best left on the CPU.
  /// Throws std::invalid_argument unless capacity >= 1, restart is in [0,1] and the bytes' range has 256 bins that can
  /// be told apart.
  ReplayBuffer(const Options& options, Fresh fresh, Noise noise);
  /// Chains in place and in full precision.
  ReplayBuffer(int64_t capacity, double restart, Fresh fresh, Noise noise)
      : ReplayBuffer(Options{.capacity = capacity, .restart = restart}, std::move(fresh), std::move(noise)) {}

  /// `count` different chains of the buffer, each with probability `restart` replaced by a fresh one: [count,...].
  /// Throws std::invalid_argument when count is larger than the capacity.
  Tensor draw(int64_t count);
  /// Which chains of the last draw are fresh.
  const std::vector<bool>& restarted() const { return restarted_; }
  /// Puts chains back after the sampler moved them: in place those of the last draw, in the same order; else any number
  /// of them, [n,...]. Throws std::invalid_argument for another shape.
  void put_back(const Tensor& chains);

  /// How many chains the buffer holds.
  int64_t size() const;
  /// A copy of all chains, [size,...]; bytes are read as the centres of their bins.
  Tensor chains() { return store_.first(size()); }
  void visit(Visitor& v);

 private:
  /// fresh_(count), which must have the form of the chains in the store.
  Tensor make_fresh(int64_t count) const;
  /// Where each of `count` chains that are put back goes; -1 is nowhere.
  std::vector<int64_t> slots_for(int64_t count);

  Options options_;
  Fresh fresh_;
  Noise noise_;
  ChainStore store_;
  uint64_t offered_ = 0;        // chains ever put back, unless in place
  std::vector<int64_t> drawn_;  // slots of the last draw; fresh chains beyond them have none
  std::vector<bool> restarted_;
};

}  // namespace erg
