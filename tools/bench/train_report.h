// `erg bench train`: training steps measured, beside the ceilings and after a check of the first ones.
#pragma once

#include "options.h"
#include "report.h"
#include "train_work.h"

namespace erg::tools {

/// `steps` are the first of each work, taken already.
Report measure_training(const BenchOptions& options, const std::vector<TrainWork>& works,
                        const std::vector<FirstSteps>& steps);

}  // namespace erg::tools
