// The command line: what is typed, with the environment, the config file and the preset behind it.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "commands.h"

namespace erg::tools {

using Words = std::vector<std::string>;

/// All commands with their options, and what they fill.
struct CommandLine {
  /// The settings are the defaults of `train` and `tape`.
  explicit CommandLine(const Settings& defaults);
  CommandLine(const CommandLine&) = delete;

  CLI::App app{"erg: energies, gradients and ergodic samplers", "erg"};
  Common common;
  Settings settings;
  Run run;
};

/// The names of a command's own commands.
Words commands_of(const CLI::App& command);
/// The names of the options that may follow a command, as its help has them: "--batch".
Words options_of(const CLI::App& command);

/// The words of `erg train` with those of the environment before them, where they count less: ERG_TRAIN_BATCH=64 is
/// --batch 64, for each of its options; $ERG_DATA is --data-dir. An empty variable is none. Other commands' are as they
/// are.
Words with_environment(const Words& words);

/// What the settings are unless told otherwise: those of the run that goes on, or the preset of the system, data set
/// and preset among the words, with the networks among them. Whatever else is wrong is not looked at. Throws
/// UsageError, io::MissingError and io::DataError for a preset or run there is not.
Settings defaults_for(const Words& words);

/// The words that an option's check knows, such as one_of.
Words choices_of(const CLI::Option& option);

/// Fills the command line from the words. Returns false where only help or the version was asked for, which is printed.
/// Throws UsageError: one line that says what was typed, what may have been meant, and where help is.
bool read(CommandLine& line, const Words& words);

}  // namespace erg::tools
