// Optimisers. Each takes the parameters once and gradients at every step:
//
//   Adam adam(params(net), {.rate = 2e-4f, .beta1 = 0.5f});
//   adam.step(tape.grad(loss, params(net)));
//
// Parameters and moments live in flat arenas, so a step is one kernel launch whatever the number of layers. Building an
// optimiser moves the parameters into its arena; every handle to them follows. A set of parameters has one optimiser.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "tensor.h"
#include "visit.h"

namespace erg {

/// Parameters in one flat block of memory, and the state an optimiser keeps for each of them. Each begins at a multiple
/// of `alignment` elements, so that kernels may read it in vectors.
class Arena {
 public:
  static constexpr int64_t alignment = 16;

  /// Throws std::invalid_argument when there are no parameters or one already belongs to an optimiser.
  explicit Arena(std::vector<Tensor> params);

  /// Throws std::invalid_argument unless there is one gradient of the right shape for each parameter.
  void check(std::span<const Tensor> grads) const;
  /// Calls launch(table, offset) for as many tables as the gradients need; a table's arena pointers start at `offset`.
  template <class Launch>
  void for_each_table(std::span<const Tensor> grads, const Launch& launch) const;

  /// A zeroed tensor as long as the arena, for moments.
  Tensor like() const { return Tensor::zeros({size_}, params_[0].device()); }
  /// The arena's memory. Bumps every parameter's version.
  real* mutate();
  /// Elements of the arena, those between parameters included.
  int64_t size() const { return size_; }
  /// The parameters, which are slices of it.
  const std::vector<Tensor>& params() const { return params_; }
  /// Of its device.
  Stream stream() const { return stream_of(params_[0]); }

 private:
  std::vector<Tensor> params_;
  int64_t size_ = 0;
  std::shared_ptr<Storage> memory_;
};

/// Kingma & Ba 2015.
class Adam {
 public:
  struct Options {
    real rate = 1e-3f, beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f;
    /// Clips each gradient element to +-(clip * sqrt(v / (1 - beta2^t)) + 0.1), with v of the step before; 0: never.
    /// 3 in the code of Du & Mordatch 2019, where it holds an energy through its worst batches.
    real clip = 0;
  };
  /// Throws as Arena.
  Adam(std::vector<Tensor> params, const Options& options);
  /// One step down the gradients, one of each parameter and in their order. Throws as Arena::check.
  void step(std::span<const Tensor> grads);
  /// The learning rate from now on.
  void set_rate(real rate) { options_.rate = rate; }
  void visit(Visitor& v);

 private:
  std::vector<Tensor> clipped(std::span<const Tensor> grads, real correction2) const;

  Arena arena_;
  Options options_;
  Tensor m_, v_;
  uint64_t steps_ = 0;
};

/// Gradient descent with momentum (0: none).
class Sgd {
 public:
  struct Options {
    real rate = 1e-2f, momentum = 0;
  };
  /// Throws as Arena.
  Sgd(std::vector<Tensor> params, const Options& options);
  /// As that of Adam.
  void step(std::span<const Tensor> grads);
  /// The learning rate from now on.
  void set_rate(real rate) { options_.rate = rate; }
  void visit(Visitor& v);

 private:
  Arena arena_;
  Options options_;
  Tensor velocity_;
};

/// Tieleman & Hinton 2012; WGAN's optimiser.
class RmsProp {
 public:
  struct Options {
    real rate = 5e-5f, decay = 0.9f, epsilon = 1e-10f;
  };
  /// Throws as Arena.
  RmsProp(std::vector<Tensor> params, const Options& options);
  /// As that of Adam.
  void step(std::span<const Tensor> grads);
  /// Clips every parameter to [-bound, bound] (WGAN, algorithm 1).
  void clip_params(real bound);
  /// The learning rate from now on.
  void set_rate(real rate) { options_.rate = rate; }
  void visit(Visitor& v);

 private:
  Arena arena_;
  Options options_;
  Tensor v_;
};

/// average += (1 - decay) * (p - average) for each pair: weights averaged over time.
void update_average(std::span<Tensor> average, std::span<const Tensor> params, real decay);

}  // namespace erg
