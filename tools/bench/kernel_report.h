// `erg bench ops`: kernels measured, beside the ceilings and the rulers there are.
#pragma once

#include "options.h"
#include "report.h"

namespace erg::tools {

Report measure_kernels(const BenchOptions& options);

}  // namespace erg::tools
