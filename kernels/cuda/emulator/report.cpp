#include "report.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "function_name.h"
#include "launch.h"

namespace erg::emulator {
namespace {

template <class Index>
std::string triple(const Index& i) {
  return "(" + std::to_string(i.x) + ", " + std::to_string(i.y) + ", " + std::to_string(i.z) + ")";
}

}  // namespace

std::string describe(Culprit culprit) {
  const Launch* const launch = running_launch();
  if (culprit == Culprit::host || !launch) return "the host";
  std::string text = "kernel " + function_name(launch->kernel);
  if (culprit >= Culprit::block) text += ", block " + triple(blockIdx) + " of " + triple(gridDim);
  if (culprit >= Culprit::thread) text += ", thread " + triple(threadIdx) + " of " + triple(blockDim);
  return text;
}

void report(Culprit culprit, const char* format, ...) {
  std::fprintf(stderr, "erg emulator: %s: ", describe(culprit).c_str());
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fputc('\n', stderr);
  std::abort();
}

}  // namespace erg::emulator
