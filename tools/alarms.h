// Alarms: what the reports of a run with chains say of its health, while it runs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "progress.h"

namespace erg::tools {

class Alarms {
 public:
  /// Takes the values of a report. A line to tell where the last hundred reports show a trend that the hundred before
  /// did not (EnergyTrend in models/ebm.h). It is judged by "gap", E(x) - E(x'), and by "grad(x')" where there is one;
  /// systems that do not report the energies of chains, "E(x')", are never in alarm.
  std::optional<std::string> see(const Values& values);

 private:
  std::vector<double> gaps_, gradients_;
  std::string told_;
};

}  // namespace erg::tools
