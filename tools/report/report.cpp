#include "report.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "../../engine/io/error.h"
#include "../../engine/io/file.h"
#include "../error.h"
#include "../picture.h"
#include "../run.h"
#include "../sampling.h"
#include "page.h"

namespace erg::tools {

namespace fs = std::filesystem;

namespace {

/// What a run's directory holds.
struct RunRecord {
  std::string name;
  int colour = 0;
  nlohmann::json manifest;
  std::map<std::string, std::string> settings;  // as config.ini has them
  std::map<std::string, page::Curve> curves;    // by metric
  std::vector<std::string> metrics;             // in the order of their first report
  std::vector<std::pair<int64_t, std::string>> events;
  int64_t steps = 0;
  std::vector<fs::path> pictures;     // the oldest first
  std::optional<TrainedRun> trained;  // none without a checkpoint
};

/// Of a text or a number; lists could be nested deeper than the stack.
std::string text_of(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_primitive() ? value.dump() : value.type_name();
}

void read_settings(const fs::path& file, RunRecord& run) {
  std::istringstream text(io::read_file(file, 1 << 20));
  for (std::string line; std::getline(text, line);)
    if (const size_t equals = line.find('=');
        equals != std::string::npos && line.starts_with("train.") && !line.starts_with("train.out="))
      run.settings[line.substr(6, equals - 6)] = line.substr(equals + 1);
}

void read_metrics(const fs::path& file, RunRecord& run) {
  std::ifstream text(file);
  for (std::string line; std::getline(text, line);) {
    const auto report = nlohmann::ordered_json::parse(line, nullptr, false);
    // The last line of a killed run may be cut off.
    if (!report.is_object() || !report.contains("step") || !report["step"].is_number_integer()) continue;
    run.steps = report["step"];
    if (report.contains("event")) {
      run.events.emplace_back(run.steps, text_of(report["event"]));
      continue;
    }
    for (const auto& [metric, value] : report.items()) {
      if (metric == "step") continue;
      if (!run.curves.contains(metric)) {
        run.metrics.push_back(metric);
        run.curves[metric] = {run.name, run.colour, {}};
      }
      const double number = value.is_number() ? value.get<double>() : std::nan("");
      run.curves[metric].points.emplace_back(double(run.steps), number);
    }
  }
}

RunRecord read_run(const fs::path& directory, int colour, const std::string& device) {
  RunRecord run;
  run.name = directory.string();
  run.colour = colour;
  read_settings(directory / "config.ini", run);
  const std::string manifest = io::read_file(directory / "manifest.json", 1 << 20);
  run.manifest = nlohmann::json::parse(manifest, nullptr, false);
  if (!run.manifest.is_object()) throw io::DataError(directory / "manifest.json", "expected a JSON object");
  read_metrics(directory / "metrics.jsonl", run);
  run.pictures = numbered_files(directory / "samples", ".png");
  std::ranges::reverse(run.pictures);
  if (!numbered_files(directory / "ckpt", ".safetensors").empty()) run.trained.emplace(directory, device);
  return run;
}

// ---- Sections

std::string section(const std::string& title, const std::string& body) {
  return body.empty() ? "" : "<h2>" + title + "</h2>\n<section>\n" + body + "</section>\n";
}

std::string runs_table(const std::vector<RunRecord>& runs) {
  const std::vector<std::string> keys = {"system", "data", "seed", "parameters", "device", "isa", "erg"};
  std::vector<std::vector<std::string>> rows = {{"run"}};
  rows[0].insert(rows[0].end(), keys.begin(), keys.end());
  rows[0].emplace_back("steps");
  for (const RunRecord& run : runs) {
    std::vector<std::string> row = {page::swatch(run.colour) + page::escaped(run.name)};
    for (const std::string& key : keys)
      row.push_back(page::escaped(text_of(run.manifest.value(key, nlohmann::json()))));
    row.push_back(std::to_string(run.steps));
    rows.push_back(row);
  }
  return page::table(rows);
}

/// All settings of one run; of several, those in which they differ.
std::string settings_table(const std::vector<RunRecord>& runs) {
  std::vector<std::vector<std::string>> rows = {{"setting"}};
  for (const RunRecord& run : runs) rows[0].push_back(page::swatch(run.colour) + page::escaped(run.name));
  std::map<std::string, int> keys;
  for (const RunRecord& run : runs)
    for (const auto& [key, value] : run.settings) ++keys[key];
  for (const auto& [key, count] : keys) {
    std::vector<std::string> row = {page::escaped(key)};
    for (const RunRecord& run : runs)
      row.push_back(run.settings.contains(key) ? page::escaped(run.settings.at(key)) : "-");
    const bool same = std::all_of(row.begin() + 1, row.end(), [&](const std::string& cell) { return cell == row[1]; });
    if (runs.size() == 1 || !same) rows.push_back(row);
  }
  const std::string table = page::table(rows);
  return runs.size() > 1 ? table : "<details><summary>all settings</summary>\n" + table + "</details>\n";
}

std::string curves(const std::vector<RunRecord>& runs) {
  std::vector<std::string> metrics;
  for (const RunRecord& run : runs)
    for (const std::string& metric : run.metrics)
      if (std::ranges::find(metrics, metric) == metrics.end()) metrics.push_back(metric);
  std::string out;
  for (const std::string& metric : metrics) {
    std::vector<page::Curve> of_runs;
    for (const RunRecord& run : runs)
      if (run.curves.contains(metric)) of_runs.push_back(run.curves.at(metric));
    out += page::chart(metric, of_runs);
  }
  return out;
}

std::string events(const std::vector<RunRecord>& runs) {
  std::vector<std::vector<std::string>> rows = {{"run", "step", "event"}};
  for (const RunRecord& run : runs)
    for (const auto& [step, what] : run.events)
      rows.push_back({page::swatch(run.colour), std::to_string(step), page::escaped(what)});
  return rows.size() > 1 ? page::table(rows) : "";
}

/// The last picture of each run; of one run all of them.
std::string pictures(const std::vector<RunRecord>& runs) {
  std::string out;
  for (const RunRecord& run : runs)
    for (const fs::path& file : run.pictures)
      if (runs.size() == 1 || file == run.pictures.back())
        out += page::picture(io::read_file(file),
                             (runs.size() == 1 ? "" : run.name + ", ") + "step " + std::to_string(step_of(file)));
  return out;
}

std::string landscapes(const std::vector<RunRecord>& runs) {
  std::string out;
  for (const RunRecord& run : runs) {
    if (!run.trained || sample_shape(run.trained->settings.data).rank() != 1) continue;
    const std::optional<Energy> energy = run.trained->trainer->landscape();
    if (!energy) continue;
    const Device device = device_of(run.trained->settings);
    const auto on_device = [&](const Tensor& x) { return (*energy)(x.to(device)); };
    out += page::picture(io::encode_png(energy_picture(on_device)), run.name);
  }
  return out;
}

/// The energies of some Langevin chains on the law a run offers first.
std::string chains_of(const RunRecord& run) {
  constexpr int64_t count = 8, steps = 200;
  const std::string space = run.trained->target("").space;
  const Draws draws = start_sampling({.sampler = "langevin"}, *run.trained, count, steps, 1)->record(steps, 1);
  const std::vector<real> energy = draws.energy.to_host();  // [steps, count]
  std::vector<page::Curve> traces;
  for (int64_t chain = 0; chain < count; ++chain) {
    traces.push_back({"chain " + std::to_string(chain + 1), int(chain), {}});
    for (int64_t step = 0; step < steps; ++step)
      traces.back().points.emplace_back(double(step + 1), double(energy[size_t(step * count + chain)]));
  }
  return page::chart(run.name + ", in " + space + " space", traces);
}

std::string chains(const std::vector<RunRecord>& runs) {
  std::string out;
  for (const RunRecord& run : runs) {
    try {
      if (run.trained && !run.trained->trainer->targets().empty()) out += chains_of(run);
    } catch (const std::runtime_error& error) {  // there is no temperature, or the chains ran away
      out += "<p>" + page::escaped(run.name + ": " + error.what()) + "</p>\n";
    }
  }
  return out;
}

}  // namespace

std::string report_page(const std::vector<fs::path>& directories, const std::string& device, bool with_chains) {
  std::vector<RunRecord> runs;
  for (const fs::path& directory : directories) runs.push_back(read_run(directory, int(runs.size()), device));
  const std::string title = runs.size() == 1 ? runs[0].name : std::to_string(runs.size()) + " runs";
  return page::document(title, "<h1>" + page::escaped(title) + "</h1>\n" + section("Runs", runs_table(runs)) +
                                   section("Settings", settings_table(runs)) + section("Events", events(runs)) +
                                   section("Curves by step", curves(runs)) + section("Samples", pictures(runs)) +
                                   section("Energy: bright where it is low", landscapes(runs)) +
                                   section("Energy along Langevin chains", with_chains ? chains(runs) : ""));
}

}  // namespace erg::tools
