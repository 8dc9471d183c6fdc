// Training: a run from its first step to its last, with progress, pictures and checkpoints.
#pragma once

#include "settings.h"

namespace erg::tools {

/// Trains as the settings say, in a new run directory or, with settings.resume, on from a run's newest checkpoint that
/// can be read; the run then ends with the bytes of one that never stopped. SIGINT and SIGTERM end it after a
/// checkpoint at the next step. Either way a page about the run is written, report.html, after a signal without chains,
/// which take their time. Where numbers are no longer finite, run away, or a sampler's chains do, the run goes
/// back to its last checkpoint and on with other noise, three times at most; settings.guard turns that off. Returns the
/// exit code: ok, or 128 + the signal. Throws TrainingDivergedError where there is no way back; UsageError,
/// DeviceError, io::MissingError, io::DataError and io::WriteError.
int train(const Settings& settings, bool quiet);

}  // namespace erg::tools
