#include "report.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "../../kernels/cpu/isa.h"
#include "../../kernels/cpu/parallel.h"
#include "../../kernels/cuda/runtime.h"

namespace erg::tools {

namespace {

using Json = nlohmann::ordered_json;

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(':') + 2));
  return "unknown";
}

std::string gpu_name(Device device) {
  if constexpr (has_cuda) {
    if (device.kind == Device::Kind::cuda) {
      const kernels::cuda::DeviceInfo info = kernels::cuda::device_info(device.index);
      return info.name + ", " + std::to_string(info.multiprocessors) + " multiprocessors";
    }
  }
  return "";
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now));
  return text;
}

template <class... T>
std::string format(const char* pattern, T... values) {
  char text[512];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

/// A function of a cell's kinds, made of one for each.
template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

/// "ok  difference 1e-06  mean 1.6  variance 1.2  powers 0.9  distance 0.01  p 0.4"
std::string law_text(const LawCheck& law) {
  std::string text = law.passed ? "ok" : "FAILED";
  for (const auto& [name, value] : law.numbers) text += format("  %s %.2g", name.c_str(), value);
  return text;
}

std::string table_text(const Cell& cell, const Column& column) {
  return std::visit(
      Overloaded{[](std::monostate) { return std::string("-"); }, [](const std::string& words) { return words; },
                 [](int64_t count) { return std::to_string(count); },
                 [&](double value) { return format(column.pattern, column.scale * value); },
                 [](const LawCheck& law) { return law_text(law); }},
      cell);
}

std::string csv_text(const Cell& cell) {
  return std::visit(
      Overloaded{[](std::monostate) { return std::string(); }, [](const std::string& words) { return words; },
                 [](int64_t count) { return std::to_string(count); },
                 [](double value) { return format("%.6g", value); },
                 [](const LawCheck& law) { return std::string(law.passed ? "ok" : "FAILED"); }},
      cell);
}

Json json_value(const Cell& cell) {
  return std::visit(
      Overloaded{[](std::monostate) { return Json(nullptr); }, [](const auto& value) { return Json(value); },
                 [](const LawCheck& law) {
                   Json json = {{"passed", law.passed}};
                   for (const auto& [name, value] : law.numbers) json[name] = value;
                   return json;
                 }},
      cell);
}

/// A column as text, all lines equally wide: numbers end at the same place, everything else begins there.
std::vector<std::string> table_column(const Report& report, size_t index) {
  const Column& column = report.columns[index];
  std::vector<std::string> lines = {*column.heading};
  bool numbers = true;
  for (const std::vector<Cell>& row : report.rows) {
    lines.push_back(table_text(row[index], column));
    numbers =
        numbers && !std::holds_alternative<std::string>(row[index]) && !std::holds_alternative<LawCheck>(row[index]);
  }
  size_t width = 0;
  for (const std::string& line : lines) width = std::max(width, line.size());
  for (std::string& line : lines) line.insert(numbers ? 0 : line.size(), width - line.size(), ' ');
  return lines;
}

}  // namespace

std::string table_head(const Report& report) {
  const Environment& e = report.environment;
  std::string text = format("erg %s, %s, %s, %d thread%s, %s, %s\n", e.version.c_str(), e.date.c_str(), e.cpu.c_str(),
                            e.threads, e.threads == 1 ? "" : "s", e.isa.c_str(), e.compiler.c_str());
  if (!e.gpu.empty()) text += e.device + ": " + e.gpu + "\n";
  if (report.ceilings.empty()) return text;
  text += "ceilings:";
  for (const CeilingFigure& c : report.ceilings)
    text += format(" %s %.1f %s%s", c.name.c_str(), c.rate, c.unit.c_str(), &c == &report.ceilings.back() ? "\n" : ",");
  return text;
}

Environment environment(uint64_t seed, Device device) {
#if defined(__clang__)
  const std::string compiler = "clang " __clang_version__;
#else
  const std::string compiler = "g++ " __VERSION__;
#endif
  return {ERG_VERSION,
          today(),
          cpu_name(),
          std::string(kernels::cpu::name(kernels::cpu::isa())),
          compiler,
          kernels::cpu::max_threads(),
          seed,
          to_string(device),
          gpu_name(device)};
}

bool Report::passed() const {
  return std::all_of(rows.begin(), rows.end(), [](const std::vector<Cell>& row) {
    return std::all_of(row.begin(), row.end(), [](const Cell& cell) {
      const LawCheck* law = std::get_if<LawCheck>(&cell);
      return !law || law->passed;
    });
  });
}

std::string table_body(const Report& report) {
  std::vector<std::string> lines(report.rows.size() + 1);
  for (size_t i = 0; i < report.columns.size(); ++i) {
    if (!report.columns[i].heading) continue;
    const std::vector<std::string> column = table_column(report, i);
    for (size_t k = 0; k < lines.size(); ++k) lines[k] += (lines[k].empty() ? "" : "  ") + column[k];
  }
  std::string text;
  for (std::string& line : lines) text += line.erase(line.find_last_not_of(' ') + 1) + "\n";
  return text;
}

std::string to_table(const Report& report) {
  std::string text = table_head(report) + "\n" + table_body(report) + "\n";
  for (const std::string& remark : report.remarks) text += remark + "\n";
  return text + report.notes;
}

std::string to_csv(const Report& report) {
  std::string text;
  for (const Column& column : report.columns) text += column.key + (&column == &report.columns.back() ? "\n" : ",");
  for (const std::vector<Cell>& row : report.rows)
    for (const Cell& cell : row) text += csv_text(cell) + (&cell == &row.back() ? "\n" : ",");
  return text;
}

std::string to_json(const Report& report) {
  const Environment& e = report.environment;
  Json json = {{"environment",
                {{"program", "erg"},
                 {"version", e.version},
                 {"date", e.date},
                 {"cpu", e.cpu},
                 {"threads", e.threads},
                 {"isa", e.isa},
                 {"compiler", e.compiler},
                 {"seed", e.seed},
                 {"device", e.device},
                 {"gpu", e.gpu.empty() ? Json(nullptr) : Json(e.gpu)}}},
               {"ceilings", Json::object()},
               {"remarks", report.remarks},
               {"rows", Json::array()}};
  for (const CeilingFigure& c : report.ceilings) json["ceilings"][c.name] = {{"unit", c.unit}, {"rate", c.rate}};
  for (const std::vector<Cell>& row : report.rows) {
    Json line;
    for (size_t i = 0; i < row.size(); ++i) line[report.columns[i].key] = json_value(row[i]);
    json["rows"].push_back(line);
  }
  return json.dump(2) + "\n";
}

std::string to_format(const Report& report, const std::string& format) {
  return format == "json" ? to_json(report) : format == "csv" ? to_csv(report) : to_table(report);
}

std::vector<std::string> report_formats() { return {"table", "csv", "json"}; }

}  // namespace erg::tools
