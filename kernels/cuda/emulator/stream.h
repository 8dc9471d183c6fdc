// What a stream does with work: run it at once, or keep it while the stream is being captured.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "api.h"

namespace erg::emulator {

using Work = std::function<void()>;

/// Held by every call of the API that changes something, so that one launch runs at a time.
std::recursive_mutex& mutex();

/// Remembers an error for cudaGetLastError.
cudaError_t fail(cudaError_t error);

/// Runs the work, or adds it to the capture. `may_capture` is false for what no graph can hold.
cudaError_t submit(cudaStream_t stream, Work work, bool may_capture = true);

/// For calls that wait for the whole device: fails, and breaks the capture, while any stream is being captured.
cudaError_t refuse_while_capturing();

/// An error inside a capture spoils it.
cudaError_t fail_in(cudaStream_t stream, cudaError_t error);

}  // namespace erg::emulator
