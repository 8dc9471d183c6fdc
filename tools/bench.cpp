// erg bench langevin: how fast chains run, beside what the machine could do at most and with proof that they follow the
// law they should.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "../kernels/cpu/parallel.h"
#include "bench/ceilings.h"
#include "bench/export.h"
#include "bench/report.h"
#include "commands.h"
#include "error.h"
#include "progress.h"

namespace erg::tools {

namespace {

struct Options {
  std::string format = "table", only, folder;
  int threads = kernels::cpu::max_threads();
  int64_t repeats = 10;
  uint64_t seed = 1;
};

/// Bytes a Langevin update moves for each float: the position read and written, its gradient read.
constexpr double bytes_per_element = 3 * sizeof(real);

void set_threads(int threads) {
#ifdef _OPENMP
  omp_set_num_threads(threads);
#else
  if (threads > 1) throw UsageError("--threads: this build has no OpenMP and runs on one thread");
#endif
}

Timed timed(const Workload& workload, uint64_t seed) {
  return Timed(
      [run = workload.run, starts = workload.starts(), noise = Noise(seed, "bench")]() mutable { run(starts, noise); });
}

Row row_of(const Workload& w, double seconds, const Ceiling& peak, const Ceiling& triad, uint64_t seed) {
  const double seconds_per_step = seconds / double(w.problem->steps);
  const double gflops = 1e-9 * double(w.chains) * w.operations / seconds_per_step;
  const double gbytes =
      w.operations > 0 ? 0 : 1e-9 * bytes_per_element * double(w.chains * w.size()) / seconds_per_step;
  const Ceiling& binding = w.operations > 0 ? peak : triad;
  return {w.name,
          w.work(),
          w.chains,
          w.size(),
          w.problem->steps,
          seconds_per_step,
          gflops,
          gbytes,
          binding.name,
          (gflops + gbytes) / binding.rate(),
          check_law(w, seed)};
}

int bench_langevin(const Options& options, const Common& common) {
  set_threads(options.threads);
  if (!common.quiet) std::fputs("computing reference chains...\n", stderr);
  const std::vector<Workload> workloads = make_workloads(options.only, options.seed);
  if (!options.folder.empty()) export_work(options.folder, workloads, options.seed);

  std::vector<Ceiling> ceilings = {multiply_add_peak(), triad_bandwidth("cache triad", 1 << 20),
                                   triad_bandwidth("memory triad", 1 << 25)};
  std::vector<Timed> times;
  for (const Workload& w : workloads) times.push_back(timed(w, options.seed));
  {
    Progress progress("measuring", options.repeats, common.quiet);
    for (int64_t round = 1; round <= options.repeats; ++round) {
      for (Ceiling& ceiling : ceilings) ceiling.timed.measure();
      for (Timed& time : times) time.measure();
      progress.update(round, {});
    }
  }

  Report report{environment(options.seed), {}, {}};
  for (const Ceiling& c : ceilings) report.ceilings.push_back({c.name, c.unit, c.rate()});
  for (size_t i = 0; i < workloads.size(); ++i)
    report.rows.push_back(row_of(workloads[i], times[i].median(), ceilings[0], ceilings[1], options.seed));
  const bool disturbed =
      std::any_of(report.rows.begin(), report.rows.end(), [](const Row& row) { return row.fraction > 1.05; });
  if (disturbed && !common.quiet)
    std::fputs("a row is above its ceiling: the machine was busy with other work, do not trust these times\n", stderr);
  const std::string text = options.format == "json"  ? to_json(report)
                           : options.format == "csv" ? to_csv(report)
                                                     : to_table(report);
  std::fputs(text.c_str(), stdout);
  return report.passed() ? Exit::ok : Exit::failed;
}

}  // namespace

void add_bench(CLI::App& app, const Common& common, Run& run) {
  CLI::App* bench = app.add_subcommand("bench", "Measure this machine");
  bench->require_subcommand(1);
  CLI::App* command = bench->add_subcommand(
      "langevin", "Speed of Langevin chains, beside the machine's ceilings and with a check of their law");
  auto options = std::make_shared<Options>();
  command->option_defaults()->always_capture_default();
  command->add_option("--format", options->format, "table, csv or json")
      ->check(CLI::IsMember({"table", "csv", "json"}));
  command->add_option("--threads", options->threads, "Threads")->check(at_least(1));
  command->add_option("--repeats", options->repeats, "Measurements, of which the median counts")->check(at_least(1));
  command->add_option("--only", options->only, "One workload: " + join(workload_names()))
      ->check(CLI::IsMember(workload_names()));
  command->add_option("--export", options->folder, "Folder to write the work to, for bench/peers");
  command->add_option("--seed", options->seed, "Seed of everything random")->check(at_least(0));
  command->callback(
      [&run, &common, options] { run = [&common, options] { return bench_langevin(*options, common); }; });
}

}  // namespace erg::tools
