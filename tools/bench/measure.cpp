#include "measure.h"

#include <utility>

#include "../progress.h"

namespace erg::tools {

void measure_in_turns(const BenchOptions& options, Ceilings& ceilings, std::vector<Timed>& work) {
  Progress progress("measuring", options.repeats, options.quiet);
  for (int64_t round = 1; round <= options.repeats; ++round) {
    ceilings.measure();
    for (Timed& timed : work) timed.measure();
    progress.update(round, {});
  }
}

Report report_of(const BenchOptions& options, const Ceilings& ceilings, std::vector<Column> columns,
                 std::string notes) {
  return {.environment = environment(options.seed, options.device),
          .ceilings = ceilings.figures(),
          .columns = std::move(columns),
          .rows = {},
          .remarks = ceilings.remarks(),
          .notes = std::move(notes)};
}

}  // namespace erg::tools
