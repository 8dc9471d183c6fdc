// Runs the erg program as a shell would. For tests that are built with ERG_PROGRAM, the path of it.
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <stdexcept>
#include <string>

namespace erg::test {

struct Outcome {
  int code;
  std::string out;  // stdout and stderr
};

/// Runs the program with these arguments, in the environment `environment` adds to.
inline Outcome run_program(const std::string& arguments, const std::string& environment = "") {
  const std::string command = environment + " '" ERG_PROGRAM "' " + arguments + " 2>&1 </dev/null";
  std::FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) throw std::runtime_error("cannot run " + command);
  std::string out;
  char buffer[4096];
  while (const size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, n);
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, out};
}

}  // namespace erg::test
