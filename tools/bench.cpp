// erg bench: how fast chains, training steps and kernels run, beside what the machine could do at most. Chains also
// prove that they follow the law they should.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "../kernels/cpu/parallel.h"
#include "bench/chain_report.h"
#include "bench/export.h"
#include "bench/kernel_cases.h"
#include "bench/kernel_report.h"
#include "bench/train_report.h"
#include "commands.h"
#include "error.h"

namespace erg::tools {

namespace {

struct Options {
  BenchOptions bench;
  std::string device = "auto", format = "table", folder;
  int threads = kernels::cpu::max_threads();
};

/// What the commands have in common.
void add_options(CLI::App& command, Options& options, const char* things, const std::vector<std::string>& names) {
  command.option_defaults()->always_capture_default();
  command.add_option("--format", options.format, join(report_formats()))->check(CLI::IsMember(report_formats()));
  add_device(command, options.device);
  command.add_option("--threads", options.threads, "Threads of the CPU")->check(at_least(1));
  command.add_option("--repeats", options.bench.repeats, "Measurements, of which the median counts")
      ->check(at_least(1));
  command.add_option("--only", options.bench.only, "One of the " + std::string(things) + ": " + join(names))
      ->check(CLI::IsMember(names));
  command.add_flag("--small", options.bench.small, "Reduced sizes, for slow CPUs and emulated GPUs");
}

/// What those have in common that others do the work of as well.
void add_export(CLI::App& command, Options& options) {
  command.add_option("--export", options.folder, "Folder to write the work to, for bench/peers");
  command.add_option("--seed", options.bench.seed, "Seed of everything random")->check(seed_number());
}

/// The options as the benchmarks want them. Throws UsageError, DeviceError.
BenchOptions resolve(const Options& options, const Common& common) {
  use_threads(options.threads);
  BenchOptions bench = options.bench;
  Settings settings;
  settings.device = options.device;
  bench.device = device_of(settings);
  bench.quiet = common.quiet;
  return bench;
}

int print(const Report& report, const std::string& format) {
  std::fputs(to_format(report, format).c_str(), stdout);
  return report.passed() ? Exit::ok : Exit::failed;
}

int bench_langevin(const Options& options, const Common& common) {
  const BenchOptions bench = resolve(options, common);
  if (!bench.quiet) std::fputs("computing reference chains...\n", stderr);
  const std::vector<Workload> workloads = make_workloads(bench.only, bench.seed, bench.device, bench.small);
  if (!options.folder.empty()) export_work(options.folder, workloads, bench.seed);
  return print(measure_chains(bench, workloads), options.format);
}

int bench_train(const Options& options, const Common& common) {
  const BenchOptions bench = resolve(options, common);
  const std::vector<TrainWork> works = make_train_work(bench.only, bench.seed, bench.device, bench.small);
  std::vector<FirstSteps> steps;
  for (const TrainWork& work : works) steps.push_back(take_first_steps(work));
  if (!options.folder.empty()) export_train_work(options.folder, works, steps, bench.seed);
  return print(measure_training(bench, works, steps), options.format);
}

int bench_kernels(const Options& options, const Common& common) {
  return print(measure_kernels(resolve(options, common)), options.format);
}

}  // namespace

void add_bench(CLI::App& app, const Common& common, Run& run) {
  CLI::App* bench = app.add_subcommand("bench", "Measure this machine");
  bench->require_subcommand(1);

  CLI::App* langevin = bench->add_subcommand(
      "langevin", "Speed of Langevin chains, beside the machine's ceilings and with a check of their law");
  auto chains = std::make_shared<Options>();
  add_options(*langevin, *chains, "workloads", workload_names());
  add_export(*langevin, *chains);
  langevin->callback([&run, &common, chains] { run = [&common, chains] { return bench_langevin(*chains, common); }; });

  CLI::App* train = bench->add_subcommand("train", "Speed of whole training steps, beside the machine's ceilings");
  auto steps = std::make_shared<Options>();
  add_options(*train, *steps, "workloads", train_work_names());
  add_export(*train, *steps);
  train->callback([&run, &common, steps] { run = [&common, steps] { return bench_train(*steps, common); }; });

  CLI::App* kernels =
      bench->add_subcommand("ops", "Speed of single kernels, beside the machine's ceilings and vendors' routines");
  auto single = std::make_shared<Options>();
  add_options(*kernels, *single, "kernels", kernel_names());
  kernels->callback([&run, &common, single] { run = [&common, single] { return bench_kernels(*single, common); }; });
}

}  // namespace erg::tools
