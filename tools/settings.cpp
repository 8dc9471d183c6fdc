#include "settings.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "../engine/io/error.h"
#include "../engine/io/file.h"
#include "../kernels/cpu/parallel.h"
#include "error.h"
#include "options.h"

namespace erg::tools {

void use_threads(int threads) {
#ifdef _OPENMP
  omp_set_num_threads(threads);
#else
  if (threads > 1) throw UsageError("--threads: this build has no OpenMP and runs on one thread");
#endif
}

Device device_of(const Settings& settings) {
  try {
    return device_named(settings.device);
  } catch (const std::invalid_argument& error) { throw UsageError("--device: " + std::string(error.what())); }
}

double rate_at(const Settings& s, int64_t step) {
  const double left = double(s.steps - step + 1) / double(s.steps);
  if (s.schedule == "linear") return s.rate * left;
  if (s.schedule == "late") return s.rate * std::min(1.0, 2 * left);
  if (s.schedule == "last-third") return s.rate * std::min(1.0, 3 * left);
  return s.rate;
}

namespace {

/// A config file is a section of the program's, named after the command: what --config reads.
CLI::App& declare_train(CLI::App& root) { return *root.add_subcommand("train")->configurable(); }

}  // namespace

std::string to_config(Settings settings) {
  CLI::App root;
  add_own_settings(declare_train(root), settings);
  return root.config_to_str(true, false);
}

std::vector<std::pair<std::string, std::string>> settings_by_name(const Settings& settings) {
  std::vector<std::pair<std::string, std::string>> all;
  std::istringstream lines(to_config(settings));
  for (std::string line; std::getline(lines, line);)
    if (const size_t dot = line.find('.'), equals = line.find('='); dot < equals && equals != std::string::npos)
      all.emplace_back(line.substr(dot + 1, equals - dot - 1), line.substr(equals + 1));
  return all;
}

Settings resumed(const std::filesystem::path& run) {
  Settings settings = read_config(run / "config.ini");
  settings.out = settings.resume = run.string();
  return settings;
}

Settings read_config(const std::filesystem::path& file) {
  io::read_file(file, 1 << 20);  // says what is wrong with a file that is not there
  Settings settings;
  CLI::App root;
  add_settings(declare_train(root), settings);
  root.set_config("--config", file.string(), "", true);
  root.allow_config_extras(CLI::config_extras_mode::error);
  try {
    root.parse("train", false);
  } catch (const CLI::ParseError& error) {
    throw io::DataError(file, std::string(error.what()).substr(0, 200));  // it may cite a whole line of the file
  }
  return settings;
}

}  // namespace erg::tools
