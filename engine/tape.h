// Tape: reverse-mode differentiation, recorded as a Wengert list.
//
//   Tape tape;                                     // records while it is the innermost one alive
//   tape.watch(w);                                 // only what is watched is differentiated
//   Tensor loss = mean(square(matmul(x, w)));
//   Tensor dw = tape.grad(loss, {w})[0];           // gradients are return values
//
// Creation order is topological order, so the reverse sweep is one loop over the nodes. A node owns one edge for each
// input that is itself on the tape, and an edge owns a function from the output's cotangent to that input's share (the
// vector-Jacobian product, VJP). VJPs are written in the same recorded operations as everything else: with Keep::graph
// the sweep is recorded too, and its result can be differentiated again.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tensor.h"

namespace erg {

/// What becomes of the tape after a reverse sweep.
enum class Keep {
  nothing,  // nodes are released as the sweep passes them: the last gradient of a step
  tape,     // nodes stay: another gradient of the same tape will follow
  graph,    // nodes stay and the sweep itself is recorded: gradients of gradients
};

/// From an output's cotangent to an input's share of it.
using Vjp = std::function<Tensor(const Tensor& cotangent)>;

class Tape;

/// Hears what happens on a thread's tapes, as it happens: see Tape::observer. Together with kernels::Trace, which hears
/// of the launches in between, it sees a whole training step, and changes none of its bits (`erg tape`).
class TapeObserver {
 public:
  virtual ~TapeObserver() = default;
  /// A tape begins to record, or ends.
  virtual void tape(const Tape&, bool /*begins*/) {}
  /// An operation has computed y. Whether it was recorded, and as which node, Tape::recording() knows.
  virtual void op(const char* /*name*/, const Tensor& /*y*/, std::span<const Tensor> /*inputs*/) {}
  /// A leaf is watched from now on.
  virtual void leaf(const Tape&, const Tensor&) {}
  /// The operation that is told of next wants t for a VJP; `kept` expires when no tape has that VJP any more, which is
  /// soon where nobody wants that gradient.
  virtual void save(const Tensor& /*t*/, const std::weak_ptr<const void>& /*kept*/) {}
  /// A reverse sweep begins, or ends.
  virtual void sweep(const Tape&, Keep, bool /*begins*/) {}
  /// The sweep follows an edge of a node: its VJP, and the addition to what its source has got already.
  virtual void vjp(const Tape&, int /*node*/, bool /*begins*/) {}
};

class Tape {
 public:
  Tape();
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// Makes t a leaf: operations on it are recorded from now on. A tensor watched twice is watched once.
  void watch(const Tensor& t);
  void watch(std::span<const Tensor> tensors);

  /// d y / d x for each x, where y has one element. An x that y does not depend on gets zeros.
  /// Throws std::invalid_argument when y is not a scalar or an x is unknown to this tape, std::logic_error when the
  /// nodes were released by an earlier sweep or a value the derivative needs was changed in place since it was
  /// recorded.
  std::vector<Tensor> grad(const Tensor& y, std::span<const Tensor> xs, Keep keep = Keep::nothing);
  std::vector<Tensor> grad(const Tensor& y, std::initializer_list<Tensor> xs, Keep keep = Keep::nothing) {
    return grad(y, std::span(xs.begin(), xs.size()), keep);
  }

  /// Whether t is a leaf or a result of this tape.
  bool knows(const Tensor& t) const { return t.impl_->tape == serial_; }
  /// The node whose result t is, counted from 0 in the order of recording; -1 if this tape does not know t.
  int node_of(const Tensor& t) const { return knows(t) ? t.impl_->node : -1; }
  /// Number of nodes recorded, leaves included.
  size_t size() const { return nodes_.size(); }

  /// The tape that records now, or null.
  static Tape* recording() { return current_; }

  /// Hears of this thread's tapes; null unless somebody studies them. The caller owns it, and takes it away again.
  static thread_local constinit inline TapeObserver* observer = nullptr;

 private:
  friend class Pause;
  friend class Saved;
  template <class... In>
  friend Tensor record(const char* op, Tensor y, In&&... in);
  friend Tensor record_each(const char* op, Tensor y, std::span<const Tensor> inputs,
                            const std::function<Vjp(size_t)>& vjp);

  struct Edge {
    int source;
    Vjp vjp;
  };
  struct Node {
    const char* op;
    std::vector<Edge> edges;
    bool released = false;
  };
  struct Leaf {
    Tensor tensor;
    uint64_t tape;
    int node;
  };

  template <class In>
  void add_edge(Node& node, In&& in) {
    if (knows(in.x)) node.edges.push_back({in.x.impl_->node, std::move(in.vjp)});
  }
  void push(Node&& node, const Tensor& y);
  void sweep(std::vector<Tensor>& cotangents, const std::vector<char>& wanted, const std::vector<char>& needed,
             Keep keep);

  static Tensor observed(const Tensor& saved);

  static thread_local constinit inline Tape* current_ = nullptr;

  uint64_t serial_;
  Tape* outer_;
  std::deque<Node> nodes_;  // a VJP may record while its own closure runs: references must stay valid
  std::vector<Leaf> leaves_;
};

/// Nothing is recorded while one of these is alive.
class Pause {
 public:
  Pause() : paused_(std::exchange(Tape::current_, nullptr)) {}
  ~Pause() { Tape::current_ = paused_; }
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;

 private:
  Tape* paused_;
};

/// A value kept for a derivative. Reading it throws if the tensor was changed in place in the meantime.
class Saved {
 public:
  /// Keeps t as it is now; t may be absent.
  Saved(const Tensor& t)  // NOLINT: meant to convert in a lambda's capture
      : tensor_(Tape::observer && t ? Tape::observed(t) : t), version_(t ? t.version() : 0) {}
  /// The value. Throws std::logic_error if it was changed in place.
  const Tensor& operator()() const {
    if (tensor_ && tensor_.version() != version_)
      throw std::logic_error("an input of shape " + to_string(tensor_.shape()) +
                             " was changed in place after it was recorded; take the gradient first, or record again");
    return tensor_;
  }

 private:
  Tensor tensor_;
  uint32_t version_;
};

/// One input of a recorded operation with its VJP. The VJP is kept only if the tape knows the input.
template <class F>
struct From {
  const Tensor& x;
  F vjp;
};
template <class F>
From(const Tensor&, F) -> From<F>;

/// Returns y, recorded as the result of `op` if the recording tape knows any of the inputs.
///   return record("mul", y, From{a, [b = Saved(b)](const Tensor& g) { return mul(g, b()); }}, From{b, ...});
template <class... In>
Tensor record(const char* op, Tensor y, In&&... in) {
  if (Tape* tape = Tape::recording(); tape && (tape->knows(in.x) || ...)) {
    Tape::Node node{op, {}};
    node.edges.reserve(sizeof...(in));
    (tape->add_edge(node, in), ...);
    tape->push(std::move(node), y);
  }
  if (Tape::observer) [[unlikely]]
    Tape::observer->op(op, y, std::array{in.x...});
  return y;
}

/// The same for any number of inputs: vjp(i) makes the VJP of input i, and is called only if the tape knows it.
Tensor record_each(const char* op, Tensor y, std::span<const Tensor> inputs, const std::function<Vjp(size_t)>& vjp);

}  // namespace erg
