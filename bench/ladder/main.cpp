// ladder [conv|langevin] [--repeats N]: times every rung on one thread of the CPU, and on a GPU where there is one,
// each after a check of its result. Exit code 1 if a rung is wrong.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <stdexcept>

#include "check.h"
#include "engine/device.h"
#include "kernels/cpu/parallel.h"
#include "tools/bench/ceilings.h"
#include "tools/bench/precision.h"
#include "tools/bench/report.h"
#include "tools/error.h"

namespace erg::ladder {

namespace {

using namespace tools;

/// A rung's measurement; operations and bytes are those of the task, which all rungs of a ladder have in common.
struct Step {
  std::string name, idea;
  Precision precision;
  Timed timed;
};

struct Ladder {
  double operations, bytes, elements;
  std::vector<Step> steps;
};

void require_right(const std::string& complaint) {
  if (!complaint.empty()) throw std::runtime_error(complaint);
}

Ladder conv_ladder(Device device) {
  const bool gpu = device.kind == Device::Kind::cuda;
  const ConvShape s{gpu ? 512 : 16, 8, 8, 256, 256, 3, 3, 1, 1};
  const ConvWork work(s, device);
  Ladder ladder{s.flops(), double(sizeof(real)) * double(s.x_size() + s.w_size() + s.y_size()), 0, {}};
  for (const ConvRung& rung : conv_rungs(device.kind)) {
    require_right(work.complaint(rung, gpu ? 1009 : 11));
    ladder.steps.push_back({rung.name, rung.idea, rung.tensor_cores ? precision_on(device) : Precision::fp32,
                            Timed(work.repeated(rung), device)});
  }
  return ladder;
}

Ladder langevin_ladder(Device device) {
  const int64_t n = device.kind == Device::Kind::cuda ? 1 << 24 : 1 << 20;
  const LangevinWork work(n, device);
  Ladder ladder{0, double(3 * sizeof(real)) * double(n), double(n), {}};
  for (const LangevinRung& rung : langevin_rungs(device.kind)) {
    require_right(work.complaint(rung));
    ladder.steps.push_back({rung.name, rung.idea, Precision::fp32, Timed(work.repeated(rung), device)});
  }
  return ladder;
}

/// By turns: a slow moment of the machine meets all rungs and the ceilings.
Report measure(Ladder ladder, Device device, int64_t repeats) {
  Rulers rulers(device);
  Ceilings ceilings(device, rulers, false);
  for (int64_t round = 0; round < repeats; ++round) {
    ceilings.measure();
    for (Step& step : ladder.steps) step.timed.measure();
  }
  Report report{environment(1, device), ceilings.figures(), {}, {}, ceilings.remarks(), ""};
  report.columns = {{"rung", "rung"},
                    {"idea", "idea"},
                    {"us", "us", "%.0f"},
                    {"rate", ladder.operations > 0 ? "GFLOP/s" : "M elements/s", "%.1f"},
                    {"fraction", "of ceiling", "%.1f %%", 100},
                    {"ceiling", ""}};
  for (const Step& step : ladder.steps) {
    const double seconds = step.timed.median();
    const Bound bound = ceilings.bound(ladder.operations, ladder.bytes, step.precision);
    const double rate = ladder.operations > 0 ? 1e-9 * ladder.operations : 1e-6 * ladder.elements;
    report.rows.push_back(
        {step.name, step.idea, 1e6 * seconds, rate / seconds, bound.seconds / seconds, bound.ceiling});
  }
  return report;
}

int run(const std::string& kernel, int64_t repeats) {
#ifdef _OPENMP
  omp_set_num_threads(1);
#endif
  if (!cpu_has_rungs_instructions()) {
    std::fputs("ladder: the rungs were compiled for AVX2 and FMA, which this CPU lacks\n", stderr);
    return Exit::no_device;
  }
  std::vector<Device> devices = {cpu_device};
  if (device_named("auto") != cpu_device) devices.push_back(device_named("auto"));
  for (const Device device : devices) {
    if (kernel != "langevin")
      std::fputs((to_table(measure(conv_ladder(device), device, repeats)) + "\n").c_str(), stdout);
    if (kernel != "conv")
      std::fputs((to_table(measure(langevin_ladder(device), device, repeats)) + "\n").c_str(), stdout);
  }
  return Exit::ok;
}

}  // namespace
}  // namespace erg::ladder

int main(int argc, char** argv) {
  CLI::App app("One kernel several times, from the formula to the library's own");
  std::string kernel = "both";
  int64_t repeats = 10;
  app.add_option("kernel", kernel, "conv, langevin or both")
      ->check(CLI::IsMember({"conv", "langevin", "both"}))
      ->capture_default_str();
  app.add_option("--repeats", repeats, "Measurements, of which the median counts")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? erg::tools::Exit::ok : erg::tools::Exit::usage;
  }
  try {
    return erg::ladder::run(kernel, repeats);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ladder: %s\n", error.what());
    return erg::tools::Exit::failed;
  }
}
