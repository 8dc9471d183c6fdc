// erg report RUN...: a page of one run, or of several beside each other.
#include "report/report.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "../engine/io/file.h"
#include "commands.h"
#include "error.h"

namespace erg::tools {

namespace {

struct Options {
  std::vector<std::string> runs;
  std::string out, device = "auto";
};

int report(const Options& options) {
  const std::vector<std::filesystem::path> runs(options.runs.begin(), options.runs.end());
  std::filesystem::path out = options.out;
  if (out.empty()) out = runs.size() == 1 ? runs[0] / "report.html" : std::filesystem::path("report.html");
  if (out.extension() != ".html") throw UsageError("--out " + options.out + ": expected a name that ends in .html");
  io::atomic_write(out, report_page(runs, options.device));
  std::printf("%s\n", out.c_str());
  return Exit::ok;
}

}  // namespace

void add_report(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("report", "A page about runs: curves, samples, energies, chains, settings");
  auto options = std::make_shared<Options>();
  command->option_defaults()->always_capture_default();
  command->add_option("runs", options->runs, "Run directories")->required();
  command->add_option("--out", options->out, "File to write (default: RUN/report.html; of several runs, report.html)");
  add_device(*command, options->device);
  command->callback([&run, options] { run = [options] { return report(*options); }; });
}

}  // namespace erg::tools
