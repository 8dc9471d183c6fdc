// The commands of the erg program: each declares its options on `app` and sets `run`, which returns an exit code.
#pragma once

#include <functional>

#include "options.h"

namespace CLI {
class App;
}

namespace erg::tools {

struct Common {
  bool quiet = false;
};

using Run = std::function<int()>;

void add_demo(CLI::App& app, const Common& common, Run& run);
/// `defaults` holds the preset of the system and data set named on the command line.
void add_train(CLI::App& app, const Common& common, Settings& settings, Run& run);
void add_sample(CLI::App& app, const Common& common, Run& run);
void add_convert(CLI::App& app, const Common& common, Run& run);
/// The exit code of diagnose is its verdict: 0 ok, 1 warn, 2 error.
void add_diagnose(CLI::App& app, const Common& common, Run& run);
void add_eval(CLI::App& app, const Common& common, Run& run);
void add_report(CLI::App& app, Run& run);
void add_bench(CLI::App& app, const Common& common, Run& run);
/// `settings` as of train.
void add_tape(CLI::App& app, Settings& settings, Run& run);
void add_devices(CLI::App& app, Run& run);
void add_version(CLI::App& app, Run& run);
void add_completion(CLI::App& app, Run& run);

}  // namespace erg::tools
