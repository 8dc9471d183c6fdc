#include "tape.h"

#include <atomic>
#include <string>

#include "ops.h"

namespace erg {

namespace {
uint64_t next_serial() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}
}  // namespace

Tape::Tape() : serial_(next_serial()), outer_(current_) {
  current_ = this;
  if (observer) observer->tape(*this, true);
}

Tape::~Tape() {
  if (observer) observer->tape(*this, false);
  // Leaves that an outer tape knew go back to it, in reverse order in case one was watched by several tapes.
  for (auto leaf = leaves_.rbegin(); leaf != leaves_.rend(); ++leaf) {
    leaf->tensor.impl_->tape = leaf->tape;
    leaf->tensor.impl_->node = leaf->node;
  }
  // Tapes usually die innermost first; one that dies earlier is taken out of the middle.
  for (Tape** tape = &current_; *tape; tape = &(*tape)->outer_)
    if (*tape == this) {
      *tape = outer_;
      break;
    }
}

void Tape::watch(const Tensor& t) {
  if (knows(t)) return;
  leaves_.push_back({t, t.impl_->tape, t.impl_->node});
  push({"leaf", {}}, t);
  if (observer) observer->leaf(*this, t);
}

void Tape::watch(std::span<const Tensor> tensors) {
  for (const Tensor& t : tensors) watch(t);
}

void Tape::push(Node&& node, const Tensor& y) {
  y.impl_->tape = serial_;
  y.impl_->node = int(nodes_.size());
  nodes_.push_back(std::move(node));
}

std::vector<Tensor> Tape::grad(const Tensor& y, std::span<const Tensor> xs, Keep keep) {
  if (y.size() != 1)
    throw std::invalid_argument("[grad] wants a scalar, got " + to_string(y.shape()) + "; sum it first");
  for (const Tensor& x : xs)
    if (!knows(x))
      throw std::invalid_argument("[grad] the tape does not know an input of shape " + to_string(x.shape()) +
                                  "; watch it before use");

  const size_t count = nodes_.size();
  std::vector<Tensor> cotangents(count);
  if (knows(y)) {
    // A node is needed if some wanted input can be reached from it: one pass forwards, since edges point backwards.
    std::vector<char> wanted(count, 0), needed;
    for (const Tensor& x : xs) wanted[x.impl_->node] = 1;
    needed = wanted;
    for (size_t i = 0; i < count; ++i) {
      needed[i] |= nodes_[i].released;  // nobody knows any more what it led to: reaching it is an error, not a zero
      for (const Edge& e : nodes_[i].edges) needed[i] |= needed[e.source];
    }

    cotangents[y.impl_->node] = Tensor::ones(y.shape(), y.device());
    Tape* const recorder = keep == Keep::graph ? this : nullptr;
    Tape* const before = std::exchange(current_, recorder);
    if (observer) observer->sweep(*this, keep, true);
    try {
      sweep(cotangents, wanted, needed, keep);
    } catch (...) {
      current_ = before;
      throw;
    }
    current_ = before;
    if (observer) observer->sweep(*this, keep, false);
  }

  std::vector<Tensor> result;
  result.reserve(xs.size());
  for (const Tensor& x : xs) {
    const Tensor& g = cotangents[x.impl_->node];
    result.push_back(g ? g : Tensor::zeros(x.shape(), x.device()));
  }
  return result;
}

void Tape::sweep(std::vector<Tensor>& cotangents, const std::vector<char>& wanted, const std::vector<char>& needed,
                 Keep keep) {
  for (int i = int(cotangents.size()) - 1; i >= 0; --i) {
    if (!cotangents[i] || !needed[i]) continue;
    Node& node = nodes_[i];
    if (node.released)
      throw std::logic_error("[grad] the tape behind '" + std::string(node.op) +
                             "' was released by an earlier gradient; pass Keep::tape to that one");
    for (const Edge& e : node.edges) {
      if (!needed[e.source]) continue;
      if (observer) [[unlikely]]
        observer->vjp(*this, i, true);
      Tensor share;
      try {
        share = e.vjp(cotangents[i]);
      } catch (const std::logic_error& error) {
        throw std::logic_error("[" + std::string(node.op) + "] " + error.what());
      }
      Tensor& sum = cotangents[e.source];
      sum = sum ? add(sum, share) : share;
      if (observer) [[unlikely]]
        observer->vjp(*this, i, false);
    }
    if (keep == Keep::nothing && !node.edges.empty()) {
      node.edges.clear();
      node.released = true;
    }
    if (!wanted[i]) cotangents[i] = {};
  }
}

/// The same tensor by a handle with a count of its own, so that its end can be seen.
Tensor Tape::observed(const Tensor& saved) {
  Tensor handle;
  handle.impl_ = {std::make_shared<std::shared_ptr<Tensor::Impl>>(saved.impl_), saved.impl_.get()};
  observer->save(saved, handle.impl_);
  return handle;
}

Tensor record_each(const char* op, Tensor y, std::span<const Tensor> inputs, const std::function<Vjp(size_t)>& vjp) {
  if (Tape* tape = Tape::recording()) {
    Tape::Node node{op, {}};
    for (size_t i = 0; i < inputs.size(); ++i)
      if (tape->knows(inputs[i])) tape->add_edge(node, From{inputs[i], vjp(i)});
    if (!node.edges.empty()) tape->push(std::move(node), y);
  }
  if (Tape::observer) Tape::observer->op(op, y, inputs);
  return y;
}

}  // namespace erg
