#include "progress.h"

#include <unistd.h>

#include <cstdio>

namespace erg::tools {

Progress::Progress(std::string title, int64_t steps, bool quiet)
    : title_(std::move(title)),
      steps_(steps),
      quiet_(quiet),
      terminal_(isatty(STDERR_FILENO)),
      start_(Clock::now()),
      shown_(start_) {}

Progress::~Progress() {
  if (line_open_) std::fputc('\n', stderr);
}

double Progress::seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

bool Progress::due(int64_t step) const {
  if (quiet_) return false;
  const double since = std::chrono::duration<double>(Clock::now() - shown_).count();
  return step == 1 || step == steps_ || since > (terminal_ ? 0.2 : 10);
}

void Progress::update(int64_t step, const Values& values) {
  if (!due(step)) return;
  shown_ = Clock::now();
  const double elapsed = seconds(), rate = double(step) / elapsed;
  char head[160];
  std::snprintf(head, sizeof head, "%s  %lld/%lld  %.1f steps/s  %s left", title_.c_str(), static_cast<long long>(step),
                static_cast<long long>(steps_), rate, duration_text(double(steps_ - step) / rate).c_str());
  std::string line = head;
  for (const auto& [name, value] : values) {
    char number[64];
    std::snprintf(number, sizeof number, "  %s %.4g", name.c_str(), value);
    line += number;
  }
  std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", line.c_str());
  std::fflush(stderr);
  line_open_ = terminal_;
}

void Progress::tell(const std::string& line) {
  if (quiet_) return;
  std::fprintf(stderr, terminal_ && line_open_ ? "\r\033[K%s\n" : "%s\n", line.c_str());
  line_open_ = false;
}

std::string duration_text(double seconds) {
  char text[48];
  const auto whole = static_cast<long long>(seconds + 0.5);
  if (seconds < 60)
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  else if (whole < 3600)
    std::snprintf(text, sizeof text, "%lld min %02lld s", whole / 60, whole % 60);
  else
    std::snprintf(text, sizeof text, "%lld h %02lld min", whole / 3600, whole / 60 % 60);
  return text;
}

}  // namespace erg::tools
