// `erg bench langevin`: workloads measured, beside the ceilings and with the check of their law.
#pragma once

#include "options.h"
#include "report.h"
#include "workloads.h"

namespace erg::tools {

Report measure_chains(const BenchOptions& options, const std::vector<Workload>& workloads);

}  // namespace erg::tools
