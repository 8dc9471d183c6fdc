// Progress: one line on stderr that says where training is, how fast, how long still, and the numbers that matter.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace erg::tools {

using Values = std::vector<std::pair<std::string, double>>;

/// On a terminal the line is redrawn in place some times a second; elsewhere a new one is printed about every ten
/// seconds, so that log files stay short. Quiet prints nothing.
class Progress {
 public:
  Progress(std::string title, int64_t steps, bool quiet);
  ~Progress();
  void update(int64_t step, const Values& values);
  /// A line of its own, which stays.
  void tell(const std::string& line);
  /// Whether update would print now: reading values off a device only to drop them would be a waste.
  bool due(int64_t step) const;
  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  std::string title_;
  int64_t steps_;
  bool quiet_, terminal_, line_open_ = false;
  Clock::time_point start_, shown_;
};

/// "3.2 s", "2 min 05 s", "1 h 10 min".
std::string duration_text(double seconds);

}  // namespace erg::tools
