// What a benchmark found, as a table to read, as CSV and as JSON.
#pragma once

#include <string>
#include <vector>

#include "workloads.h"

namespace erg::tools {

struct Row {
  std::string workload, work;  // Workload::name and work()
  int64_t chains, size, steps;
  double seconds;         // of a step of all chains
  double gflops, gbytes;  // a second; the one that is not meant is 0
  std::string ceiling;    // the one that binds
  double fraction;        // of it
  LawCheck law;
};

struct CeilingFigure {
  std::string name, unit;
  double rate;
};

struct Environment {
  std::string version, date, cpu, isa, compiler;
  int threads;
  uint64_t seed;
};
/// This program on this machine, now.
Environment environment(uint64_t seed);

struct Report {
  Environment environment;
  std::vector<CeilingFigure> ceilings;
  std::vector<Row> rows;

  bool passed() const;
};

std::string to_table(const Report& report);
std::string to_csv(const Report& report);
std::string to_json(const Report& report);

}  // namespace erg::tools
