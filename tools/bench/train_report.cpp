#include "train_report.h"

#include "../../kernels/cpu/parallel.h"
#include "measure.h"
#include "precision.h"

namespace erg::tools {

namespace {

constexpr const char* notes =
    "A step is one of the critic and one of the generator (and of MEG's statistics network), or the critic's alone,\n"
    "with Adam. GFLOP: multiplications and additions of its products and convolutions, each counted as one; padding\n"
    "as work. 'check': the first loss at the first and at the second step.\n";

std::vector<Column> columns(bool on_gpu) {
  const auto products = on_gpu ? std::optional<std::string>("products") : std::nullopt;
  return {{"workload", "workload"},
          {"work"},
          {"nets", "nets"},
          {"width", "width"},
          {"sample", "sample"},
          {"B", "B"},
          {"parameters", "parameters"},
          {"threads"},
          {"us_per_step", "ms/step", "%.2f", 1e-3},
          {"gflop", "GFLOP"},
          {"gflops_per_s", "GFLOP/s", "%.1f"},
          {"precision", products},
          {"fraction", "of ceiling", "%.1f %%", 100},
          {"ceiling", ""},
          {"check", "check"}};
}

/// "28x28x1" of a batch of such images.
std::string sample_text(const Tensor& batch) {
  std::string text;
  for (int i = 1; i < batch.rank(); ++i) text += (i > 1 ? "x" : "") + std::to_string(batch.dim(i));
  return text;
}

std::vector<Cell> row_of(const TrainWork& work, const FirstSteps& steps, double seconds, const Ceilings& ceilings) {
  const Precision precision = precision_on(work.batch.device());
  const Bound bound = ceilings.bound(steps.operations, 0, precision);
  return {work.name,
          work.work(),
          work.settings.nets,
          work.settings.width,
          sample_text(work.batch),
          work.settings.batch,
          count_params(*work.trainer),
          int64_t(kernels::cpu::max_threads()),
          1e6 * seconds,
          1e-9 * steps.operations,
          1e-9 * steps.operations / seconds,
          name(precision),
          bound.seconds / seconds,
          bound.ceiling,
          steps.check()};
}

}  // namespace

Report measure_training(const BenchOptions& options, const std::vector<TrainWork>& works,
                        const std::vector<FirstSteps>& steps) {
  Rulers rulers(options.device);
  Ceilings ceilings(options.device, rulers, options.small);
  std::vector<Timed> times;
  for (const TrainWork& work : works) times.emplace_back([&work] { work.step(); }, options.device);
  measure_in_turns(options, ceilings, times);

  Report report = report_of(options, ceilings, columns(options.on_gpu()), notes);
  for (size_t i = 0; i < works.size(); ++i)
    report.rows.push_back(row_of(works[i], steps[i], times[i].median(), ceilings));
  return report;
}

}  // namespace erg::tools
