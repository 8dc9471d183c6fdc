#include "environment.h"

#include <cstdlib>

#include "report.h"

namespace erg::emulator {

uint64_t environment(const char* variable, uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  if (!text) return otherwise;
  char* end;
  const uint64_t number = std::strtoull(text, &end, 10);
  if (end == text || *end) report(Culprit::host, "%s must be a number, not \"%s\"", variable, text);
  return number;
}

}  // namespace erg::emulator
