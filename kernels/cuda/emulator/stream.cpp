// Streams, events and graphs.
#include "stream.h"

#include <chrono>
#include <memory>
#include <set>

#include "heap.h"

using namespace erg::emulator;
using Lock = std::lock_guard<std::recursive_mutex>;

struct CUgraph_st {
  std::vector<Work> work;
};
struct CUgraphExec_st {
  std::vector<Work> work;
};
struct CUstream_st {
  std::unique_ptr<CUgraph_st> capture;  // while it is being captured
  bool spoiled = false;
};
struct CUevent_st {
  std::chrono::steady_clock::time_point time;
  bool captured = false;
};

namespace {
std::set<CUstream_st*> capturing;

cudaError_t spoil(cudaStream_t stream) {
  stream->spoiled = true;
  return fail(cudaErrorStreamCaptureUnsupported);
}
}  // namespace

namespace erg::emulator {

cudaError_t submit(cudaStream_t stream, Work work, bool may_capture) {
  if (!stream || !stream->capture) {
    work();
    return cudaSuccess;
  }
  if (!may_capture) return spoil(stream);
  if (stream->spoiled) return fail(cudaErrorStreamCaptureInvalidated);
  stream->capture->work.push_back(std::move(work));
  return cudaSuccess;
}

cudaError_t refuse_while_capturing() {
  for (CUstream_st* stream : capturing) spoil(stream);
  return capturing.empty() ? cudaSuccess : cudaErrorStreamCaptureUnsupported;
}

cudaError_t fail_in(cudaStream_t stream, cudaError_t error) {
  if (stream && stream->capture) stream->spoiled = true;
  return fail(error);
}

}  // namespace erg::emulator

// ---- Streams

cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, cudaStreamDefault); }

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new CUstream_st;
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Lock lock(mutex());
  capturing.erase(stream);
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Lock lock(mutex());
  if (!stream) return refuse_while_capturing();
  return stream->capture ? spoil(stream) : cudaSuccess;
}

// ---- Events

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Lock lock(mutex());
  event->captured = stream && stream->capture;
  if (event->captured) return cudaSuccess;  // it marks a place in the graph, where nobody can wait for it
  event->time = std::chrono::steady_clock::now();
  return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) { return event->captured ? fail(cudaErrorCapturedEvent) : cudaSuccess; }

cudaError_t cudaEventSynchronize(cudaEvent_t event) { return cudaEventQuery(event); }

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  if (begin->captured || end->captured) return fail(cudaErrorCapturedEvent);
  *milliseconds = std::chrono::duration<float, std::milli>(end->time - begin->time).count();
  return cudaSuccess;
}

// ---- Graphs

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  const Lock lock(mutex());
  if (!stream) return fail(cudaErrorStreamCaptureUnsupported);  // as for CUDA's default stream
  if (stream->capture) return fail(cudaErrorInvalidValue);
  stream->capture = std::make_unique<CUgraph_st>();
  stream->spoiled = false;
  capturing.insert(stream);
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const Lock lock(mutex());
  *graph = nullptr;
  if (!stream || !stream->capture) return fail(cudaErrorInvalidValue);
  capturing.erase(stream);
  const std::unique_ptr<CUgraph_st> captured = std::move(stream->capture);
  if (stream->spoiled) return fail(cudaErrorStreamCaptureInvalidated);
  *graph = new CUgraph_st(std::move(*captured));
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const Lock lock(mutex());
  *status = !stream || !stream->capture ? cudaStreamCaptureStatusNone
            : stream->spoiled           ? cudaStreamCaptureStatusInvalidated
                                        : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  if (!graph) return fail(cudaErrorInvalidValue);
  *executable = new CUgraphExec_st{graph->work};
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const Lock lock(mutex());
  if (!executable) return fail(cudaErrorInvalidValue);
  if (stream && stream->capture) return spoil(stream);  // a graph within a graph: not offered
  const Heap::Open open;                                // once, not for each launch
  for (const Work& work : executable->work) work();
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}
