// What every benchmark does: it measures work and ceilings in turns, and reports what it found.
#pragma once

#include <vector>

#include "ceilings.h"
#include "options.h"

namespace erg::tools {

/// Measures the ceilings and then each work once, and all of it options.repeats times.
void measure_in_turns(const BenchOptions& options, Ceilings& ceilings, std::vector<Timed>& work);

/// A report without rows, of a run on the options' device.
Report report_of(const BenchOptions& options, const Ceilings& ceilings, std::vector<Column> columns, std::string notes);

}  // namespace erg::tools
