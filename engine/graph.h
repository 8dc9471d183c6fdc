// Graph: a piece of work recorded once and replayed many times.
//
//   Graph step = Graph::record(stream_of(x), [&] { langevin_step(x); });   // has been done once
//   for (int k = 1; k < 100; ++k) step.replay();
//
// On CUDA this is a captured graph: one launch instead of many, every launch parameter fixed by value, the noise step
// in device memory. On the CPU there is nothing to capture, and a replay calls the body again. Either way a replayed
// chain has the same bits as one that was run step by step.
//
// What the body may do: work on tensors that exist before and after it (and are changed in place, or written by
// copy_), draw noise, make temporaries. What it must not do: read values on the host (item, to_host), send host values
// to the device, or count on host variables: on CUDA it is called once, and only the device work is repeated.
#pragma once

#include <functional>
#include <memory>

#include "storage.h"

namespace erg {

class Graph {
 public:
  /// Does the body's work once and keeps it for replay. Throws what the body throws, and kernels::cuda::Error when it
  /// did what a graph cannot hold.
  static Graph record(const Stream& stream, std::function<void()> body);
  /// Does the work once more.
  void replay() const;
  /// Whether a replay launches a captured graph; if not, it calls the body.
  bool captured() const { return graph_ != nullptr; }

  /// Off: record() captures nothing from now on, for debugging. Also ERG_GRAPHS=off. Process-wide.
  static void enable(bool on);

 private:
  Graph(const Stream& stream, std::function<void()> body) : stream_(stream), body_(std::move(body)) {}

  Stream stream_;
  std::function<void()> body_;   // kept also when captured: it holds the tensors the graph works on
  std::shared_ptr<Pool> pool_;   // memory of the temporaries, which nobody else may be given while replays write it
  std::shared_ptr<void> graph_;  // a cudaGraphExec_t
};

}  // namespace erg
