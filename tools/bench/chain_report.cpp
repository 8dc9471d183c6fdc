#include "chain_report.h"

#include <algorithm>
#include <cstdio>

#include "../../kernels/cpu/parallel.h"
#include "measure.h"

namespace erg::tools {

namespace {

/// Bytes a Langevin update moves for each float: the position read and written, its gradient read.
constexpr double bytes_per_element = 3 * sizeof(real);

constexpr const char* notes =
    "GFLOP/s: 4 operations a weight and place where it is used, a multiplication and an addition forward and back.\n"
    "GB/s: what the update moves, x and its gradient read and x written. The law is checked against chains in double:\n"
    "'difference' with the same noise; with other noise the moments in standard errors, and the energy distance.\n";
constexpr const char* gpu_notes =
    "'difference' is that with products in fp32. 'in tf32': after one step where a network has rectifiers.\n";

std::vector<Column> columns(bool on_gpu) {
  const auto products = on_gpu ? std::optional<std::string>("products") : std::nullopt;
  return {{"workload", "workload"},
          {"work"},
          {"B", "B"},
          {"d", "d"},
          {"steps", "steps"},
          {"threads"},
          {"us_per_step", "us/step"},
          {"mchain_steps_per_s", "M chain-step/s", "%.4g"},
          {"gflops_per_s", "GFLOP/s", "%.1f"},
          {"gbytes_per_s", "GB/s"},
          {"precision", products},
          {"fraction", "of ceiling", "%.1f %%", 100},
          {"ceiling", ""},
          {"law", "law"}};
}

Timed timed(const Workload& w, uint64_t seed) {
  const auto run = [run = w.run, starts = w.starts(), steps = w.problem->steps,
                    noise = Noise(seed, "bench", w.device)]() mutable { run(starts, steps, noise); };
  return Timed(run, w.device);
}

/// A workload's row; `fraction` is how much of its ceiling it reached.
struct Row {
  std::vector<Cell> cells;
  double fraction;
};

Row row_of(const Workload& w, double seconds, const Ceilings& ceilings, uint64_t seed) {
  const double step = seconds / double(w.problem->steps), operations = double(w.chains) * w.operations;
  const double bytes = operations > 0 ? 0 : bytes_per_element * double(w.chains * w.size());
  const Bound bound = ceilings.bound(operations, bytes, w.precision);
  const auto products = operations > 0 ? Cell(name(w.precision)) : Cell();
  const auto rate = [&](double work) { return work > 0 ? Cell(1e-9 * work / step) : Cell(); };
  return {{w.name, w.work(), w.chains, w.size(), w.problem->steps, int64_t(kernels::cpu::max_threads()), 1e6 * step,
           1e-6 * double(w.chains) / step, rate(operations), rate(bytes), products, bound.seconds / step, bound.ceiling,
           check_law(w, seed)},
          bound.seconds / step};
}

}  // namespace

Report measure_chains(const BenchOptions& options, const std::vector<Workload>& workloads) {
  Rulers rulers(options.device);
  Ceilings ceilings(options.device, rulers, options.small);
  std::vector<Timed> times;
  for (const Workload& w : workloads) times.push_back(timed(w, options.seed));
  measure_in_turns(options, ceilings, times);

  Report report = report_of(options, ceilings, columns(options.on_gpu()), notes);
  if (options.on_gpu()) report.notes += gpu_notes;
  bool disturbed = false;
  for (size_t i = 0; i < workloads.size(); ++i) {
    const Row row = row_of(workloads[i], times[i].median(), ceilings, options.seed);
    report.rows.push_back(row.cells);
    disturbed = disturbed || row.fraction > 1.05;
  }
  if (disturbed && !options.on_gpu() && !options.quiet)
    std::fputs("a row is above its ceiling: the machine was busy with other work, do not trust these times\n", stderr);
  return report;
}

}  // namespace erg::tools
