#include "report.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "../../kernels/cpu/isa.h"
#include "../../kernels/cpu/parallel.h"

namespace erg::tools {

namespace {

using Json = nlohmann::ordered_json;

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(':') + 2));
  return "unknown";
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

/// The number, or `absent` where it is not meant.
std::string number_or(double value, const char* pattern, const char* absent) {
  return value > 0 ? format(pattern, value) : absent;
}

double chain_steps(const Row& row) { return 1e-6 * double(row.chains) / row.seconds; }

/// "ok  difference 1e-06  mean 1.6  variance 1.2  powers 0.9  distance 0.01  p 0.4"
std::string law_text(const LawCheck& law) {
  std::string text = law.passed ? "ok" : "FAILED";
  for (const auto& [name, value] : law.numbers) text += format("  %s %.2g", name.c_str(), value);
  return text;
}

constexpr const char* notes =
    "GFLOP/s: 4 operations a weight and place where it is used, a multiplication and an addition forward and back.\n"
    "GB/s: what the update moves, x and its gradient read and x written. The law is checked against chains in double:\n"
    "'difference' with the same noise; with other noise the moments in standard errors, and the energy distance.\n";

}  // namespace

Environment environment(uint64_t seed) {
#if defined(__clang__)
  const std::string compiler = "clang " __clang_version__;
#else
  const std::string compiler = "g++ " __VERSION__;
#endif
  return {ERG_VERSION, today(),
          cpu_name(),  std::string(kernels::cpu::name(kernels::cpu::isa())),
          compiler,    kernels::cpu::max_threads(),
          seed};
}

bool Report::passed() const {
  return std::all_of(rows.begin(), rows.end(), [](const Row& row) { return row.law.passed; });
}

std::string to_table(const Report& report) {
  const Environment& e = report.environment;
  std::string text = format("erg %s, %s, %s, %d thread%s, %s, %s\n", e.version.c_str(), e.date.c_str(), e.cpu.c_str(),
                            e.threads, e.threads == 1 ? "" : "s", e.isa.c_str(), e.compiler.c_str());
  text += "ceilings:";
  for (const CeilingFigure& c : report.ceilings)
    text +=
        format(" %s %.1f %s%s", c.name.c_str(), c.rate, c.unit.c_str(), &c == &report.ceilings.back() ? "\n\n" : ",");
  text += format("%-12s %8s %5s %6s %10s %14s %8s %7s %11s %-12s law\n", "workload", "B", "d", "steps", "us/step",
                 "M chain-step/s", "GFLOP/s", "GB/s", "of ceiling", "");
  for (const Row& r : report.rows)
    text += format("%-12s %8lld %5lld %6lld %10.2f %14.4g %8s %7s %9.1f %% %-12s ", r.workload.c_str(),
                   static_cast<long long>(r.chains), static_cast<long long>(r.size), static_cast<long long>(r.steps),
                   1e6 * r.seconds, chain_steps(r), number_or(r.gflops, "%.1f", "-").c_str(),
                   number_or(r.gbytes, "%.2f", "-").c_str(), 100 * r.fraction, r.ceiling.c_str()) +
            law_text(r.law) + "\n";
  return text + "\n" + notes;
}

std::string to_csv(const Report& report) {
  std::string text =
      "workload,work,B,d,steps,threads,us_per_step,mchain_steps_per_s,gflops_per_s,gbytes_per_s,fraction,ceiling,law\n";
  for (const Row& r : report.rows)
    text +=
        format("%s,%s,%lld,%lld,%lld,%d,%.6g,%.6g,%s,%s,%.6g,%s,%s\n", r.workload.c_str(), r.work.c_str(),
               static_cast<long long>(r.chains), static_cast<long long>(r.size), static_cast<long long>(r.steps),
               report.environment.threads, 1e6 * r.seconds, chain_steps(r), number_or(r.gflops, "%.6g", "").c_str(),
               number_or(r.gbytes, "%.6g", "").c_str(), r.fraction, r.ceiling.c_str(), r.law.passed ? "ok" : "FAILED");
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
                 {"seed", e.seed}}},
               {"ceilings", Json::object()},
               {"rows", Json::array()}};
  for (const CeilingFigure& c : report.ceilings) json["ceilings"][c.name] = {{"unit", c.unit}, {"rate", c.rate}};
  const auto or_null = [](double value) { return value > 0 ? Json(value) : Json(nullptr); };
  for (const Row& r : report.rows) {
    Json law = {{"passed", r.law.passed}};
    for (const auto& [name, value] : r.law.numbers) law[name] = value;
    json["rows"].push_back({{"workload", r.workload},
                            {"work", r.work},
                            {"B", r.chains},
                            {"d", r.size},
                            {"steps", r.steps},
                            {"threads", e.threads},
                            {"us_per_step", 1e6 * r.seconds},
                            {"mchain_steps_per_s", chain_steps(r)},
                            {"gflops_per_s", or_null(r.gflops)},
                            {"gbytes_per_s", or_null(r.gbytes)},
                            {"fraction", r.fraction},
                            {"ceiling", r.ceiling},
                            {"law", law}});
  }
  return json.dump(2) + "\n";
}

}  // namespace erg::tools
