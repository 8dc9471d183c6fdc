// What recording costs: the same operations on one number with a tape and without.
//
// The bar is half a microsecond a recorded operation, the tape's death included: a step of a network records some
// hundreds of them, and must not feel it.
#include <benchmark/benchmark.h>

#include <chrono>

#include "engine/ops.h"
#include "engine/tape.h"

namespace erg {
namespace {

constexpr int operations = 1000;

Tensor chain(Tensor y, const Tensor& x) {
  for (int i = 0; i < operations; ++i) y = y + x;
  return y;
}

template <class F>
double seconds(const F& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Both are timed in turns, so that a slow moment of the machine meets both.
void recording_overhead(benchmark::State& state) {
  const Tensor x = Tensor::ones({1});
  double recorded = 0, plain = 0;
  for (auto _ : state) {
    recorded += seconds([&] {
      Tape tape;
      tape.watch(x);
      benchmark::DoNotOptimize(chain(x, x));
    });
    plain += seconds([&] { benchmark::DoNotOptimize(chain(x, x)); });
  }
  const double nanoseconds = 1e9 / (double(operations) * double(state.iterations()));
  state.counters["recorded_ns"] = recorded * nanoseconds;
  state.counters["plain_ns"] = plain * nanoseconds;
  state.counters["overhead_ns"] = (recorded - plain) * nanoseconds;
}
BENCHMARK(recording_overhead);

/// One reverse sweep over the chain: its time a node.
void sweep(benchmark::State& state) {
  const Tensor x = Tensor::ones({1});
  Tape tape;
  tape.watch(x);
  const Tensor y = chain(x, x);
  for (auto _ : state) benchmark::DoNotOptimize(tape.grad(y, {x}, Keep::tape));
  state.counters["node"] =
      benchmark::Counter(operations, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(sweep);

}  // namespace
}  // namespace erg
