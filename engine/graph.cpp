#include "graph.h"

#include <atomic>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "../kernels/cuda/runtime.h"

namespace erg {

namespace {

std::atomic<bool>& enabled() {
  static std::atomic<bool> on{[] {
    const char* word = std::getenv("ERG_GRAPHS");
    return !word || std::string_view(word) != "off";
  }()};
  return on;
}

#if ERG_HAS_CUDA
/// Runs the body while the stream records, and returns what it recorded.
std::shared_ptr<void> capture(const Stream& stream, const std::function<void()>& body) {
  namespace cuda = kernels::cuda;
  cuda::begin_capture(stream);
  try {
    body();
  } catch (...) {
    cuda::abandon_capture(stream);
    throw;
  }
  return {cuda::end_capture(stream), cuda::destroy_graph};
}
#endif

}  // namespace

void Graph::enable(bool on) { enabled() = on; }

Graph Graph::record(const Stream& stream, std::function<void()> body) {
  Graph graph(stream, std::move(body));
#if ERG_HAS_CUDA
  if (stream.device.kind == Device::Kind::cuda && enabled()) {
    graph.pool_ = std::make_shared<Pool>(stream.device, Pool::Use::graph);
    const PoolScope scope(graph.pool_);
    graph.graph_ = capture(stream, graph.body_);
  }
#endif
  graph.replay();
  return graph;
}

void Graph::replay() const {
#if ERG_HAS_CUDA
  if (graph_) return kernels::cuda::launch_graph(stream_, graph_.get());
#endif
  body_();
}

}  // namespace erg
