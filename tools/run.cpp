#include "run.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "../engine/io/error.h"
#include "../engine/io/file.h"
#include "../engine/io/gzip.h"
#include "../kernels/cpu/isa.h"
#include "error.h"

namespace erg::tools {

namespace fs = std::filesystem;

namespace {

/// The folders of a run, and what is in them.
constexpr std::pair<const char*, const char*> parts[] = {{"samples", ".png"}, {"ckpt", ".safetensors"}};

std::string step_name(int64_t step, const char* extension) {
  char name[32];
  std::snprintf(name, sizeof name, "%08lld%s", static_cast<long long>(step), extension);
  return name;
}

void remove_file(const fs::path& file) {
  std::error_code error;
  fs::remove(file, error);
  if (error) throw io::WriteError(io::WriteError::Step::write, file, "cannot be removed: " + error.message());
}

}  // namespace

std::vector<fs::path> numbered_files(const fs::path& folder, const std::string& type) {
  std::vector<fs::path> all;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string stem = entry.path().stem();
    if (entry.path().extension() == type && stem.size() >= 8 && stem.size() < 19 &&
        stem.find_first_not_of("0123456789") == std::string::npos)
      all.push_back(entry.path());
  }
  std::ranges::sort(all, std::greater(), step_of);
  return all;
}

int64_t step_of(const fs::path& file) { return std::stoll(file.stem().string()); }

void make_directory(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error)
    throw io::WriteError(io::WriteError::Step::create, path,
                         "cannot make this directory (" + error.message() + "); choose another with --out");
}

namespace {

nlohmann::json as_json(const Settings& settings) {
  nlohmann::json all;
  for (const auto& [name, value] : settings_by_name(settings)) all[name] = value;
  return all;
}

/// Throws UsageError for the first setting whose value was another one, but for those that change no step.
void check_same(const nlohmann::json& before, const Settings& now, const std::string& has, const std::string& had) {
  const std::vector<std::string> may_change = {"steps", "sample-every", "checkpoint-every", "keep",
                                               "guard", "device",       "data-dir"};
  for (const auto& [name, value] : settings_by_name(now)) {
    const auto was = before.find(name);
    if (was == before.end() || !was->is_string() || *was == value) continue;
    if (std::ranges::find(may_change, name) == may_change.end())
      throw UsageError(has + " " + name + "=" + value + ", but the run " + had + " " + name + "=" +
                       was->get<std::string>() + "; only " + join(may_change) + " may change");
  }
}

}  // namespace

void check_resumable(const Settings& settings) {
  const Settings of_run = resumed(settings.resume);
  const fs::path root = settings.resume;
  std::ifstream file(root / "manifest.json");
  auto manifest = nlohmann::json::parse(file, nullptr, false);
  if (manifest.is_object() && manifest["settings"].is_object()) {
    manifest["settings"].erase("out");  // a run's directory may be moved
    check_same(manifest["settings"], of_run, (root / "config.ini").string() + " has", "was begun with");
  }
  check_same(as_json(of_run), settings, "--resume " + settings.resume + ": asked for", "has");
}

RunDirectory::RunDirectory(const Settings& settings, int64_t parameters)
    : root_(settings.out), metrics_(nullptr, std::fclose) {
  std::error_code ignored;
  // A run that failed before its first checkpoint has nothing to lose.
  if (fs::exists(root_ / "config.ini", ignored) && !numbered_files(root_ / "ckpt", ".safetensors").empty())
    throw UsageError(root_.string() +
                     " holds a run already; go on in it with --resume, choose another with --out, or remove it");
  make_directory(root_);
  for (const auto& [part, type] : parts) make_directory(root_ / part);
  describe(settings, parameters);
  open_metrics("w");
}

RunDirectory::RunDirectory(const Settings& settings, int64_t parameters, int64_t step)
    : root_(settings.out), metrics_(nullptr, std::fclose) {
  io::sweep_temporaries(root_);
  for (const auto& [part, type] : parts) {
    make_directory(root_ / part);
    io::sweep_temporaries(root_ / part);
    // Checkpoints of later steps were damaged, or they would have been taken; what is written now replaces them.
    for (const fs::path& file : numbered_files(root_ / part, type))
      if (step_of(file) > step) remove_file(file);
  }
  describe(settings, parameters);
  std::ifstream all(root_ / "metrics.jsonl");
  std::string kept;
  for (std::string line; std::getline(all, line);) {
    const auto report = nlohmann::json::parse(line, nullptr, false);  // the last line of a killed run may be cut off
    if (report.is_object() && report.contains("step") && report["step"].is_number_integer() &&
        report["step"].get<int64_t>() <= step)
      kept += line + "\n";
  }
  io::atomic_write(root_ / "metrics.jsonl", kept);
  open_metrics("a");
}

void RunDirectory::describe(const Settings& settings, int64_t parameters) {
  io::atomic_write(root_ / "config.ini", to_config(settings));
  const nlohmann::json manifest = {{"erg", ERG_VERSION},
                                   {"system", settings.system},
                                   {"data", settings.data},
                                   {"seed", settings.seed},
                                   {"device", to_string(device_of(settings))},
                                   {"isa", kernels::cpu::name(kernels::cpu::isa())},
                                   {"parameters", parameters},
                                   {"settings", as_json(settings)}};
  io::atomic_write(root_ / "manifest.json", manifest.dump(2) + "\n");
}

void RunDirectory::open_metrics(const char* mode) {
  const fs::path metrics = root_ / "metrics.jsonl";
  metrics_.reset(std::fopen(metrics.c_str(), mode));
  if (!metrics_) throw io::WriteError(io::WriteError::Step::create, metrics, std::strerror(errno));
  events_.emplace(root_);
}

void RunDirectory::log(int64_t step, const Values& values) {
  nlohmann::ordered_json line = {{"step", step}};
  for (const auto& [name, value] : values) {
    if (std::isfinite(value))
      line[name] = value;
    else
      line[name] = std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";  // JSON has no such numbers
  }
  append(line.dump());
  events_->add(step, values);
}

void RunDirectory::log_event(int64_t step, const std::string& what) {
  append(nlohmann::ordered_json{{"step", step}, {"event", what}}.dump());
}

void RunDirectory::append(const std::string& line) {
  const std::string text = line + "\n";
  if (std::fwrite(text.data(), 1, text.size(), metrics_.get()) != text.size() || std::fflush(metrics_.get()) != 0)
    throw io::WriteError(io::WriteError::Step::write, root_ / "metrics.jsonl", std::strerror(errno));
}

void RunDirectory::save_samples(int64_t step, const io::Image& picture) {
  io::write_png(root_ / "samples" / step_name(step, ".png"), picture);
}

namespace {

/// The checksums of a run's checkpoints by file name. What cannot be read has none: the checkpoints speak for
/// themselves.
nlohmann::json checksums(const fs::path& folder) {
  std::ifstream file(folder / "checksums.json");
  const auto known = nlohmann::json::parse(file, nullptr, false);
  return known.is_object() ? known : nlohmann::json::object();
}

std::string checksum(const fs::path& file) {
  char text[12];
  std::snprintf(text, sizeof text, "%08x", io::crc32(io::read_file(file)));
  return text;
}

}  // namespace

void RunDirectory::save_checkpoint(int64_t step, const io::StateDict& state, int64_t keep) {
  tools::save_checkpoint(root_, step, state, keep);
}

void save_checkpoint(const fs::path& run, int64_t step, const io::StateDict& state, int64_t keep) {
  const fs::path folder = run / "ckpt", file = folder / step_name(step, ".safetensors");
  io::write_safetensors(file, state);
  nlohmann::json sums = checksums(folder);
  sums[file.filename().string()] = checksum(file);
  const std::vector<fs::path> all = checkpoints(run);
  const std::span<const fs::path> outdated =
      keep > 0 && std::ssize(all) > keep ? std::span(all).subspan(size_t(keep)) : std::span<const fs::path>();
  for (const fs::path& old : outdated) sums.erase(old.filename().string());
  io::atomic_write(folder / "checksums.json", sums.dump(1) + "\n");
  for (const fs::path& old : outdated) remove_file(old);
}

void check_checkpoint(const fs::path& file) {
  const nlohmann::json sums = checksums(file.parent_path());
  const auto known = sums.find(file.filename().string());
  if (known == sums.end()) return;
  const std::string now = checksum(file), was = known->is_string() ? known->get<std::string>() : known->type_name();
  if (was != now)
    throw io::DataError(file, "its checksum was " + io::cite(was) + " when it was written and is " + io::cite(now) +
                                  " now: the file is damaged");
}

void take_newest_checkpoint(const fs::path& run, const std::function<void(const fs::path& file)>& take) {
  const std::vector<fs::path> all = checkpoints(run);
  for (const fs::path& file : all) {
    try {
      check_checkpoint(file);
      take(file);
      if (file != all.front()) std::fprintf(stderr, "erg: an older checkpoint serves, %s\n", file.c_str());
      return;
    } catch (const io::DataError& error) {
      if (file == all.back()) throw;
      std::fprintf(stderr, "erg: %s\n", error.what());
    }
  }
}

std::vector<fs::path> checkpoints(const fs::path& run) {
  std::vector<fs::path> all = numbered_files(run / "ckpt", ".safetensors");
  if (all.empty())
    throw io::MissingError(run, "holds no checkpoint (looked for ckpt/*.safetensors); train one with 'erg train'");
  return all;
}

}  // namespace erg::tools
