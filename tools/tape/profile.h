// A training step as its tapes saw it: every operation, what it keeps for the way back, and the launches it took, both
// ways. The data behind `erg tape`.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "../../engine/shape.h"
#include "../bench/ceilings.h"

namespace erg::tools {

/// One launch of a kernel.
struct Launched {
  std::string kernel;
  std::string op{};             // that it computed; empty where it is no operation's, as an optimiser's
  Shape result{};               // of that operation
  double flops = 0, bytes = 0;  // kernels/kernel.h
  double seconds = 0;
  double least_seconds = 0;  // that the ceilings allow for
  std::string ceiling{};     // that says so
};

/// A tensor that an operation reads.
struct Operand {
  Shape shape;
  int node = -1;     // on the same tape
  std::string name;  // of a leaf or constant that the system knows by one: "critic.0.weight"
};

struct TapeNode {
  std::string op;  // "leaf", "matmul"
  std::vector<Operand> inputs{};
  Operand output;
  std::vector<Operand> keeps{};                 // the values its VJPs want
  std::vector<Launched> forward{}, backward{};  // each launch of a step is in one place
  int recorded_by = -1;                         // the node whose VJP this is a part of (Keep::graph)
  int computed_with = -1;  // the node whose launch has this one's output too: a fused kernel is two operations
};

struct RecordedTape {
  std::string watches{};  // "critic", or the shape of an only leaf without a name
  int depth = 0;          // tapes around it
  std::vector<TapeNode> nodes{};
  int64_t kept_bytes = 0;  // of the values kept, each counted once, parameters left out
};

/// What was launched and is on no tape: an operation that nobody differentiates, an optimiser's step, noise.
struct Unrecorded {
  std::string name;
  Operand output;
  int count = 0;
  std::vector<Launched> launches{};
};

struct StepProfile {
  std::vector<RecordedTape> tapes{};  // in the order in which they began
  std::vector<Unrecorded> outside;
  double seconds = 0;  // of the whole step
};

/// All launches of a step, always in the same order.
std::vector<Launched*> launches_of(StepProfile& profile);

/// Names by the memory they stand for.
using NamesOfMemory = std::map<const void*, std::string>;

/// Takes a step and watches it. On a GPU each launch is waited for, so that its time is its own.
StepProfile watch(const std::function<void()>& step, Device device, const NamesOfMemory& names);

/// A step with the median time of each launch, and of what no launch accounts for: a moment in which the machine did
/// something else is left out. Where the steps are not alike in what they launch, the one of median time.
StepProfile median_step(std::vector<StepProfile> profiles, bool& alike);

/// Sets what the ceilings allow for.
void hold_against(StepProfile& profile, const Ceilings& ceilings, Precision precision);

// ---- Sums

/// What launches took together.
struct Cost {
  double seconds = 0, flops = 0, bytes = 0;
  std::map<std::string, double> least_seconds;  // by the ceiling that allows for no less

  Cost& operator+=(const Cost& other);
  double least() const;
  /// The share of the ceilings that was reached; 0 where they bind nothing.
  double share() const { return seconds > 0 ? least() / seconds : 0; }
  /// The one that binds most of the time; "" where there is none.
  std::string ceiling() const;
};
Cost cost_of(const std::vector<Launched>& launches);
Cost forward_of(const RecordedTape& tape);
Cost backward_of(const RecordedTape& tape);
/// Of all rows; what is missing to the whole step is the host's work.
Cost cost_of(const StepProfile& profile);

/// All operations of one name, or kernels outside of operations.
struct OpSum {
  std::string name;
  int count = 0;
  Cost forward{}, backward{}, outside{};  // recorded, their VJPs, not recorded

  double seconds() const { return forward.seconds + backward.seconds + outside.seconds; }
};
/// The slowest first.
std::vector<OpSum> sums_by_op(const StepProfile& profile);

/// Bytes of a node's kept values, parameters left out: they live anyway.
int64_t kept_bytes(const TapeNode& node);
/// Whether two tapes recorded the same operations on the same shapes.
bool alike(const RecordedTape& a, const RecordedTape& b);

}  // namespace erg::tools
