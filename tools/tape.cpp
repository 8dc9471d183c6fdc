// erg tape SYSTEM: a training step as its tapes recorded it, with what every operation costs on both ways.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "../engine/io/file.h"
#include "../kernels/cpu/parallel.h"
#include "commands.h"
#include "error.h"
#include "tape/study.h"

namespace erg::tools {

namespace {

struct Options {
  int threads = kernels::cpu::max_threads();
  int64_t repeats = 1;
  std::string format = "table", html;
};

int tape(const Settings& settings, const Options& options) {
  const std::filesystem::path html = options.html;
  if (!html.empty() && html.extension() != ".html")
    throw UsageError("--html " + options.html + ": expected a name that ends in .html");
  use_threads(options.threads);
  const TapeStudy study = study_tape(settings, options.repeats);
  if (!html.empty()) io::atomic_write(html, tape_page(study));
  std::fputs((options.format == "json" ? tape_json(study) : tape_text(study)).c_str(), stdout);
  return Exit::ok;
}

/// What a single step has no use for.
constexpr const char* of_runs[] = {"--resume",           "--out",  "--steps",    "--schedule", "--sample-every",
                                   "--checkpoint-every", "--keep", "--data-dir", "--guard",    "--no-guard",
                                   "--dequantise"};

constexpr const char* footer =
    R"(A warm-up step is taken, then --repeats steps that are watched, in turns with as many that are not. Samples are
uniform noise: the time of a step does not depend on what they are, and no data set has to be there.

A row is a node of a tape, with what it launched: forward when it was recorded, VJP when the reverse sweep passed it.
kB is what must be moved, every input read and every result written once; FLOP is of products and convolutions alone.
% of ceiling is the least time that this machine's measured ceilings allow for the two, over the time it took: more than
100 in caches nearer than the one measured, little for small tensors, whose launch takes a microsecond. "keeps" are
values held for the sweep, parameters left out. Where the sweep itself was recorded (Keep::graph: gradient penalties),
a VJP is nodes of its own, which say so.)";

}  // namespace

void add_tape(CLI::App& app, Settings& settings, Run& run) {
  CLI::App* command =
      app.add_subcommand("tape", "A training step's tapes: every operation, its VJP and what they cost");
  add_settings(*command, settings);
  for (const char* name : of_runs) command->remove_option(command->get_option(name));
  auto options = std::make_shared<Options>();
  command->add_option("--threads", options->threads, "Threads of the CPU")->check(at_least(1));
  command->add_option("--repeats", options->repeats, "Steps, of which every launch's median counts")
      ->check(at_least(1));
  command->add_option("--format", options->format, "table, json")->check(CLI::IsMember({"table", "json"}));
  command->add_option("--html", options->html, "File to write a page to: forward and backward side by side")
      ->default_str("");
  command->footer(footer);
  command->callback([&, options] { run = [&, options] { return tape(settings, *options); }; });
}

}  // namespace erg::tools
