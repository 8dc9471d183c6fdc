// What `erg bench langevin` measures: chains of each kind of energy on a device, with all that another program needs to
// run the same chains.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "precision.h"
#include "reference.h"

namespace erg::tools {

/// Where the first few chains are after some steps with given noise, computed in double; and how far from there others
/// may be, relative to their way (precision.h).
struct Driven {
  int64_t steps = 0;
  double allowed = 0;
  Sample chains;
};

/// A law to sample from and how: everything but how many chains run together.
struct Problem {
  std::string name;    // "double-well-8"
  std::string energy;  // "double well": which gradient, for peers
  Langevin langevin;
  int64_t steps;
  Tensor starts;  // [chains,...], a multiple of every workload's chains
  std::vector<Tensor> weights;
  Gradient gradient;
  Sample reference;           // where chains with noise of their own end; empty where that would take too long
  std::vector<Tensor> noise;  // [few chains,...], step by step
  Driven driven;              // with that noise, to the end
  Driven driven_in_tf32;      // with that noise, as far as chains with products in tf32 are compared
};

/// Chains of a problem on a device, and the code under measurement that runs them.
struct Workload {
  std::string name;
  Device device;
  std::shared_ptr<const Problem> problem;
  int64_t chains;
  double operations;  // of a chain's step, in multiplications and additions; 0: the update's bytes are counted instead
  Precision precision;  // of its products
  /// Where chains from these starts are after so many steps.
  std::function<Tensor(const Tensor& starts, int64_t steps, Noise& noise)> run;

  /// Chains [first, first + chains) of the problem's starts, on the device.
  Tensor starts(int64_t first = 0) const;
  int64_t size() const { return problem->starts.shape().row_size(); }
  /// What peers measure once for all workloads that do the same: "mlp-1024".
  std::string work() const { return problem->name + "-" + std::to_string(chains); }
};

std::vector<std::string> workload_names();
/// The workloads with this name, or all for "". Computes their references. On a GPU there are more: large updates, and
/// chains "by graph", whose step is recorded once and replayed. `small` leaves out what takes an emulated GPU minutes.
std::vector<Workload> make_workloads(const std::string& only, uint64_t seed, Device device = cpu_device,
                                     bool small = false);

/// Whether the chains that a workload runs follow the law they should. Two checks against chains in double. With the
/// same noise the first few chains must take the same way: "difference" is the distance between a chain's ends over
/// that from its start, where half of the chains are at most so far, with products in fp32; where a workload's are in
/// tf32 there is also the one "in tf32", after the steps of `driven_in_tf32`. With other noise a thousand chains must
/// have the same law: "mean", "variance" and "powers" (law.h) differ by so many standard errors, "distance" is the
/// energy distance and "p" its significance.
LawCheck check_law(const Workload& workload, uint64_t seed);

}  // namespace erg::tools
