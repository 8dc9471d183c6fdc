// Graph: a piece of work recorded once and replayed many times.
//
// On CUDA this is a captured graph: one launch instead of many, with every parameter fixed by value and the noise step
// in device memory. On the CPU there is nothing to capture, and a replay calls the body again. Either way a replayed
// chain has the same bits as one that was run step by step.
#pragma once

#include <functional>
#include <utility>

#include "../kernels/stream.h"

namespace erg {

class Graph {
 public:
  /// Runs body once and keeps it for replay. The body must work on the same tensors each time.
  static Graph record(const Stream& stream, std::function<void()> body) {
    body();
    return Graph(stream, std::move(body));
  }
  void replay() const { body_(); }

 private:
  Graph(const Stream& stream, std::function<void()> body) : stream_(stream), body_(std::move(body)) {}
  Stream stream_;
  std::function<void()> body_;
};

}  // namespace erg
