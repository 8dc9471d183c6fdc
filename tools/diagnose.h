// What `erg diagnose` says about the draws of Markov chains (samplers/diagnostics.h).
#pragma once

#include "../samplers/diagnostics.h"

namespace erg::tools {

struct DiagnosisFormat {
  bool json = false;
  int64_t rows = 0;  // of the table, worst first; 0: all, in their own order
};

/// Prints to stdout, in this order: a table of the quantities x[0], x[1], ...; a table of the chains' traces, if there
/// are any; and the verdict with its numbers, on one line. As JSON: one object that holds all of it, with null for what
/// cannot be estimated. Returns the verdict, which is the program's exit code.
Verdict print_diagnosis(const Diagnosis& diagnosis, const DiagnosisFormat& format);

}  // namespace erg::tools
