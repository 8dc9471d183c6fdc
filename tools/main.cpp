// The erg program. Results go to stdout, progress and messages to stderr; exit codes are in error.h.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "../engine/io/error.h"
#include "../kernels/cpu/isa.h"
#include "../kernels/cuda/runtime.h"
#include "command_line.h"
#include "completion.h"
#include "error.h"
#include "failure.h"

namespace erg::tools {

namespace {

/// A wrong ERG_ISA or ERG_PRECISION is told now, not at the first kernel.
void check_environment() {
  try {
    kernels::cpu::isa();
    if constexpr (has_cuda) kernels::cuda::precision();
  } catch (const std::exception& error) { throw UsageError(error.what()); }
}

int parse_and_run(const Words& typed) {
  if (asks_for_completion(typed)) return complete(typed);
  // A recipe's defaults depend on system, data set and preset, so the line is read twice: once for these three, and
  // once with what the preset says as defaults. The help and config.ini thereby show the values that count.
  const Words words = with_environment(typed);
  CommandLine line(defaults_for(words));
  if (!read(line, words)) return Exit::ok;
  check_environment();
  const int code = line.run();
  if (std::fflush(stdout) != 0 || std::ferror(stdout))
    throw io::WriteError(io::WriteError::Step::write, "standard output", std::strerror(errno));
  return code;
}

}  // namespace

/// Every error ends here: one line on stderr, and the code that scripts can act on.
int guarded_main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow (ulimit -f) is an error of its write
  try {
    return parse_and_run(Words(argv + 1, argv + argc));
  } catch (...) {
    return report_failure([](const char* what) { std::fprintf(stderr, "erg: %s\n", what); });
  }
}

}  // namespace erg::tools

int main(int argc, char** argv) { return erg::tools::guarded_main(argc, argv); }
