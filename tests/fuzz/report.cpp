// What `erg report` reads of a run: its manifest, settings and metrics. None of it may put markup on the page.
#include "tools/report/report.h"

#include "engine/io/file.h"
#include "runs.h"

namespace erg::fuzz {

/// The first byte chooses whose bytes the others are.
void report(std::string_view bytes) {
  static const tools::Settings run = [] {
    tools::Settings settings = small_run("report");
    tools::RunDirectory(settings, 1);
    return settings;
  }();
  static const std::filesystem::path folder = run.out;
  static const std::string manifest = io::read_file(folder / "manifest.json"), config = tools::to_config(run);
  if (bytes.empty()) return;
  const char file = bytes[0];
  bytes.remove_prefix(1);
  write_file(folder / "manifest.json", file == 'j' ? bytes : manifest);
  write_file(folder / "config.ini", file == 'c' ? bytes : config);
  write_file(folder / "metrics.jsonl", file == 'm' ? bytes : "");
  const auto page = read_or_refuse([&] { return tools::report_page({folder}, "cpu"); }, folder / "manifest.json");
  require(!page || page->find("<hostile") == page->npos, "the page has markup of the run's");
}

}  // namespace erg::fuzz
