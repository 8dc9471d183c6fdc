// erg train SYSTEM --data SET: trains a system, or says what that would take.
#include "training.h"

#include <CLI/CLI.hpp>

#include "command_line.h"
#include "data.h"
#include "dry_run.h"
#include "recipes/recipes.h"

namespace erg::tools {

namespace {

struct DryRun {
  bool wanted = false;
  double flops_per_second = 0;  // 0: measured
};

class Help : public CLI::Formatter {
  std::string make_usage(const CLI::App*, std::string name) const override {
    return "Usage: " + name + " SYSTEM [OPTIONS]\n       " + name + " --resume RUN [OPTIONS]\n";
  }
  /// What an option can be is part of its description, where there is room for it.
  std::string make_option_opts(const CLI::Option* option) const override {
    if (choices_of(*option).empty()) return CLI::Formatter::make_option_opts(option);
    const std::string usual = option->get_default_str();
    return " WORD" + (usual.empty() ? usual : "=" + usual) + (option->get_required() ? " REQUIRED" : "");
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    constexpr size_t width = 90;
    std::string text = option->get_description(), separator = " (";
    size_t line = text.size() - (text.rfind('\n') + 1);
    for (const std::string& word : choices_of(*option)) {
      const bool full = line + separator.size() + word.size() > width;
      if (full) separator[separator == ", " ? 1 : 0] = '\n';
      text += separator + word;
      line = (full ? 0 : line + separator.size()) + word.size();
      separator = ", ";
    }
    return separator == ", " ? text + ")" : text;
  }
};

constexpr const char* environment =
    "An option may also come from the environment: ERG_TRAIN_BATCH=64 is --batch 64.\n"
    "What counts is, in this order, the command line, the environment, the config file, the preset.";

std::string systems_text() {
  std::string text = "Systems:";
  for (const std::string& name : recipe_names()) text += "\n  " + name + ": " + recipe_summary(name);
  return text + "\n\n'erg train SYSTEM --help' has a system's own options and all values of its preset.\n" +
         environment;
}

std::string settings_text(const Settings& s) {
  return s.system + ": " + recipe_summary(s.system) + ".\nThe values above are those of the preset " +
         preset_text(s.system, s.data, s.preset) + ".\n" + environment;
}

}  // namespace

void add_train(CLI::App& app, const Common& common, Settings& settings, Run& run) {
  CLI::App* command = app.add_subcommand("train", "Train a system, or go on with a run");
  command->configurable();
  command->formatter(std::make_shared<Help>());
  add_settings(*command, settings);
  command->footer(settings.system.empty() ? systems_text() : settings_text(settings));
  auto dry = std::make_shared<DryRun>();
  command->add_flag("--dry-run", dry->wanted, "Print settings, networks, memory, FLOPs and hours, and train nothing")
      ->group("Run")
      ->configurable(false);
  command->add_option("--flops-per-second", dry->flops_per_second, "For --dry-run: this rate instead of a measured one")
      ->check(positive())
      ->default_str("")
      ->group("Run")
      ->configurable(false);
  command->set_help_all_flag();
  command->set_help_flag("--help,-h", "This text")->group("Run");
  command->callback([&, dry] {
    run = [&, dry] { return dry->wanted ? dry_run(settings, dry->flops_per_second) : train(settings, common.quiet); };
  });
}

}  // namespace erg::tools
