// The erg program. Results go to stdout, progress and messages to stderr; exit codes are in error.h.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>

#include "../engine/io/error.h"
#include "../kernels/cpu/isa.h"
#include "../kernels/cuda/runtime.h"
#include "commands.h"
#include "error.h"
#include "failure.h"
#include "recipes/recipes.h"

namespace erg::tools {

namespace {

/// Declares the whole command line. `settings` are the defaults of `train` and `tape`, and take what is given for them.
void declare(CLI::App& app, Common& common, Settings& settings, Run& run) {
  app.set_version_flag("--version", std::string("erg ") + ERG_VERSION);
  app.set_help_all_flag("--help-all", "Help of all commands");
  app.require_subcommand(0, 1);
  app.fallthrough();
  app.set_config("--config", "", "Of train: read settings from a file, such as a run's config.ini");
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.add_flag("--quiet,-q", common.quiet, "No progress");
  add_demo(app, common, run);
  add_train(app, common, settings, run);
  add_sample(app, common, run);
  add_convert(app, common, run);
  add_diagnose(app, common, run);
  add_eval(app, common, run);
  add_report(app, run);
  add_bench(app, common, run);
  add_tape(app, settings, run);
  add_devices(app, run);
  add_version(app, run);
  app.footer(
      "Run 'erg COMMAND --help' for a command's options. Exit codes: 0 ok, 1 check failed, 2 internal error, 64 "
      "usage,\n"
      "65 bad data, 66 no input, 69 device unavailable, 73/74 cannot write, 75 out of memory, 76 diverged, 130/143\n"
      "stopped after a checkpoint. diagnose has verdicts of its own.");
}

/// A wrong ERG_ISA or ERG_PRECISION is told now, not at the first kernel.
void check_environment() {
  try {
    kernels::cpu::isa();
    if constexpr (has_cuda) kernels::cuda::precision();
  } catch (const std::exception& error) { throw UsageError(error.what()); }
}

int parse_and_run(int argc, char** argv) {
  const std::string description = "erg: energies, gradients and ergodic samplers";
  Common common;
  Settings settings;
  Run run;
  // A recipe's defaults depend on system, data set and preset, so the line is read twice: once for these three,
  // whatever else is wrong, and once with what the preset says as defaults. The help and config.ini thereby show the
  // values that count.
  {
    CLI::App first(description);
    declare(first, common, settings, run);
    try {
      first.parse(argc, argv);
    } catch (const CLI::ParseError&) {  // the second reading reports it
    }
    if (!settings.resume.empty())
      settings = resumed(settings.resume);
    else
      settings = settings.system.empty() ? Settings{} : preset(settings.system, settings.data, settings.preset);
    run = {};
  }
  CLI::App app(description);
  declare(app, common, settings, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error), Exit::ok;  // help or version was asked for
    throw UsageError(std::string(error.what()) + " (see 'erg --help')");
  }
  if (!run) throw UsageError("no command given; see 'erg --help'");
  // The file's section counts as the command it is named after.
  const std::string command = app.get_subcommands().front()->get_name();
  if (app.get_config_ptr()->count() > 0 && command != "train")
    throw UsageError("--config is for 'erg train'; " + command + " takes options");
  check_environment();
  const int code = run();
  if (std::fflush(stdout) != 0 || std::ferror(stdout))
    throw io::WriteError(io::WriteError::Step::write, "standard output", std::strerror(errno));
  return code;
}

}  // namespace

/// Every error ends here: one line on stderr, and the code that scripts can act on.
int guarded_main(int argc, char** argv) {
  try {
    return parse_and_run(argc, argv);
  } catch (...) {
    return report_failure([](const char* what) { std::fprintf(stderr, "erg: %s\n", what); });
  }
}

}  // namespace erg::tools

int main(int argc, char** argv) { return erg::tools::guarded_main(argc, argv); }
