// Runs the erg program as a shell would. For tests that are built with ERG_PROGRAM, the path of it.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

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

/// Starts the program with these words, silent, and sends it a signal when `wait` returns. Returns what waitpid says of
/// its end, which may have come before.
inline int signal_program(std::vector<std::string> words, int signal, const std::function<void()>& wait) {
  words.insert(words.begin(), ERG_PROGRAM);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    const int nowhere = open("/dev/null", O_RDWR);
    for (const int stream : {0, 1, 2}) dup2(nowhere, stream);
    execv(argv[0], argv.data());
    _exit(127);
  }
  wait();
  kill(child, signal);
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

}  // namespace erg::test
