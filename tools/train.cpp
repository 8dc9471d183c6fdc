// erg train SYSTEM --data SET: trains a system, or says what that would take.
#include "training.h"

#include <CLI/CLI.hpp>

#include "commands.h"
#include "data.h"
#include "dry_run.h"
#include "recipes/recipes.h"

namespace erg::tools {

namespace {

struct DryRun {
  bool wanted = false;
  double flops_per_second = 0;  // 0: measured
};

}  // namespace

void add_train(CLI::App& app, const Common& common, Settings& settings, Run& run) {
  CLI::App* command = app.add_subcommand("train", "Train a system: " + join(recipe_names()));
  command->configurable();
  add_settings(*command, settings);
  std::string systems = "Systems:";
  for (const std::string& name : recipe_names()) systems += "\n  " + name + ": " + recipe_summary(name);
  if (!settings.system.empty())
    systems += "\n\nThe defaults above: preset " + preset_text(settings.system, settings.data, settings.preset);
  command->footer(systems);
  auto dry = std::make_shared<DryRun>();
  command->add_flag("--dry-run", dry->wanted, "Print settings, networks, memory, FLOPs and hours, and train nothing")
      ->configurable(false);
  command->add_option("--flops-per-second", dry->flops_per_second, "For --dry-run: this rate instead of a measured one")
      ->check(positive())
      ->default_str("")
      ->configurable(false);
  command->callback([&, dry] {
    run = [&, dry] { return dry->wanted ? dry_run(settings, dry->flops_per_second) : train(settings, common.quiet); };
  });
}

}  // namespace erg::tools
