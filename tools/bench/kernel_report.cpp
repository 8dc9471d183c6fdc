#include "kernel_report.h"

#include "../../engine/graph.h"
#include "../progress.h"
#include "kernel_cases.h"
#include "measure.h"

namespace erg::tools {

namespace {

constexpr int launches_in_graph = 20;

constexpr const char* notes =
    "us: a launch among many, one after the other. GFLOP/s: a multiplication and an addition count as two, padding as\n"
    "work. GB/s: what a kernel must move: operands read and results written once, but what batch norm normalises read\n"
    "twice. 'of ceiling': the least time the ceilings allow for operations or bytes, whichever is more, over the\n"
    "time. 'ratio': the ruler's time over ours; above 1 ours is faster.\n";
constexpr const char* gpu_notes =
    "'in graph': a launch of 20 that were recorded as one graph, where no launch waits for the host. Rates, fractions\n"
    "and ratios are of that time where there is one.\n";

std::vector<Column> columns(bool on_gpu) {
  const auto gpu_only = [on_gpu](const char* heading) {
    return on_gpu ? std::optional<std::string>(heading) : std::nullopt;
  };
  return {{"kernel", "kernel"},
          {"shape", "shape"},
          {"precision", "precision"},
          {"us", "us"},
          {"us_in_graph", gpu_only("in graph")},
          {"gflops_per_s", "GFLOP/s", "%.1f"},
          {"gbytes_per_s", "GB/s", "%.1f"},
          {"fraction", "of ceiling", "%.1f %%", 100},
          {"ceiling", ""},
          {"checked", "checked"},
          {"ruler", "ruler"},
          {"ruler_us", "us"},
          {"ratio", "ratio"}};
}

/// Seconds of a launch.
struct LaunchSeconds {
  double alone;
  std::optional<double> in_graph;

  double best() const { return in_graph.value_or(alone); }
};

/// A launch among others, and where `with_graph` also among those of a recorded graph.
class TimedLaunch {
 public:
  TimedLaunch(const std::function<void()>& launch, Device device, bool with_graph) : alone_(launch, device) {
    if (!with_graph) return;
    const Graph graph = Graph::record(stream_of(device), [launch] {
      for (int i = 0; i < launches_in_graph; ++i) launch();
    });
    if (graph.captured()) in_graph_.emplace([graph] { graph.replay(); }, device);
  }
  void measure() {
    alone_.measure();
    if (in_graph_) in_graph_->measure();
  }
  LaunchSeconds seconds() const {
    if (!in_graph_) return {alone_.median(), std::nullopt};
    return {alone_.median(), in_graph_->median() / launches_in_graph};
  }

 private:
  Timed alone_;
  std::optional<Timed> in_graph_;
};

/// A ruler ready to be timed. Not every algorithm of a library can be recorded.
TimedLaunch timed(const Ruler& ruler, Device device) {
  try {
    return TimedLaunch(ruler.launch, device, true);
  } catch (const std::runtime_error&) { return TimedLaunch(ruler.launch, device, false); }
}

struct Measured {
  const KernelCase* kernel;
  Precision precision;
  std::optional<LawCheck> check;
  LaunchSeconds own;
  std::string ruler_name;
  std::optional<LaunchSeconds> ruler;
};

Measured measure(const KernelCase& kernel, Precision precision, const BenchOptions& options, Rulers& rulers) {
  const InPrecision scope(precision);
  const KernelRun run = kernel.prepare(precision);
  std::optional<LawCheck> check;
  if (run.check) {
    run.launch();
    check = run.check();
  }
  TimedLaunch own(run.launch, options.device, options.on_gpu());
  const std::optional<Ruler> ruler = run.ruler(rulers);
  std::optional<TimedLaunch> other;
  if (ruler) other.emplace(timed(*ruler, options.device));
  for (int64_t round = 0; round < options.repeats; ++round) {
    own.measure();
    if (other) other->measure();
  }
  Measured m{&kernel, precision, check, own.seconds(), "", {}};
  if (other) m.ruler_name = ruler->name, m.ruler = other->seconds();
  return m;
}

std::vector<Cell> row_of(const Measured& m, const Ceilings& ceilings) {
  const KernelCase& kernel = *m.kernel;
  const double seconds = m.own.best();
  const Bound bound = ceilings.bound(kernel.operations, kernel.bytes, m.precision);
  std::vector<Cell> row = {kernel.kernel,
                           kernel.shape,
                           name(m.precision),
                           1e6 * m.own.alone,
                           m.own.in_graph ? Cell(1e6 * *m.own.in_graph) : Cell(),
                           kernel.operations > 0 ? Cell(1e-9 * kernel.operations / seconds) : Cell(),
                           1e-9 * kernel.bytes / seconds,
                           bound.seconds / seconds,
                           bound.ceiling,
                           m.check ? Cell(*m.check) : Cell()};
  if (m.ruler) {
    const bool graphs = m.own.in_graph && m.ruler->in_graph;  // like is compared with like
    const double own = graphs ? *m.own.in_graph : m.own.alone;
    const double other = graphs ? *m.ruler->in_graph : m.ruler->alone;
    row.insert(row.end(), {m.ruler_name, 1e6 * other, other / own});
  }
  row.resize(columns(true).size());
  return row;
}

}  // namespace

Report measure_kernels(const BenchOptions& options) {
  Rulers rulers(options.device);
  Ceilings ceilings(options.device, rulers, options.small);
  for (int64_t round = 0; round < options.repeats; ++round) ceilings.measure();

  const std::vector<KernelCase> cases = kernel_cases(options.only, options.device, options.small);
  std::vector<Measured> measured;
  {
    Progress progress("measuring", int64_t(cases.size()), options.quiet);
    for (const KernelCase& kernel : cases) {
      if (kernel.is_product && options.on_gpu()) measured.push_back(measure(kernel, Precision::tf32, options, rulers));
      measured.push_back(measure(kernel, Precision::fp32, options, rulers));
      ceilings.measure();
      progress.update(&kernel - cases.data() + 1, {});
    }
  }

  Report report = report_of(options, ceilings, columns(options.on_gpu()), notes);
  for (const Measured& m : measured) report.rows.push_back(row_of(m, ceilings));
  report.remarks.insert(report.remarks.end(), rulers.remarks().begin(), rulers.remarks().end());
  if (options.on_gpu()) report.notes += gpu_notes;
  return report;
}

}  // namespace erg::tools
