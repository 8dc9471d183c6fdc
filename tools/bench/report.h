// What a benchmark found, as a table to read, as CSV and as JSON.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "../../engine/device.h"
#include "law.h"

namespace erg::tools {

/// What stands in one place of a report: nothing, words, a count, a measurement, or whether chains kept their law.
using Cell = std::variant<std::monostate, std::string, int64_t, double, LawCheck>;

struct Column {
  std::string key;                       // in CSV and JSON: "us_per_step"
  std::optional<std::string> heading{};  // in the table, where it is left out if it has none
  const char* pattern = "%.2f";          // of a measurement in the table, in printf's language
  double scale = 1;                      // what it is multiplied by there
};

struct CeilingFigure {
  std::string name, unit;
  double rate;
};

struct Environment {
  std::string version, date, cpu, isa, compiler;
  int threads;
  uint64_t seed;
  std::string device;  // "cpu", "cuda:0"
  std::string gpu;     // what it is; empty on the CPU
};
/// This program on this machine, now.
Environment environment(uint64_t seed, Device device = cpu_device);

struct Report {
  Environment environment;
  std::vector<CeilingFigure> ceilings;
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;  // a cell for each column
  std::vector<std::string> remarks;     // what else there is to know of this run, a line each
  std::string notes;                    // how to read the table, which they follow

  /// Whether everything that was checked passed.
  bool passed() const;
};

std::string to_table(const Report& report);
/// The parts of that: the environment with the ceilings, and the columns with the rows.
std::string table_head(const Report& report);
std::string table_body(const Report& report);
std::string to_csv(const Report& report);
std::string to_json(const Report& report);
/// The report in one of report_formats().
std::string to_format(const Report& report, const std::string& format);
std::vector<std::string> report_formats();

}  // namespace erg::tools
