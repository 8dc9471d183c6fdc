// The settings of a run as options of a command, and the checks that options of all commands share.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "settings.h"

namespace CLI {
class App;
class Validator;
}  // namespace CLI

namespace erg::tools {

/// Checks for a whole number of at least `least`, and at most `most`: counts and sizes, or what 64 bits hold.
CLI::Validator at_least(int64_t least, int64_t most = std::numeric_limits<int32_t>::max());
/// Checks for a seed: a whole number from 0 on.
CLI::Validator seed_number();
/// Checks for a number above zero that single precision can hold.
CLI::Validator positive();
/// Checks for one of these words, which help and completion show. `kind` says in a message what they are: "system".
CLI::Validator one_of(const std::string& kind, const std::vector<std::string>& words);
/// Checks for a path that a line of a config file can hold: no line breaks nor other control characters, no #, and one
/// kind of quotation marks at most.
CLI::Validator plain_path();

/// Declares --device on a command.
void add_device(CLI::App& command, std::string& device);

/// Declares the settings on a command in groups, with the values in `settings` as defaults. Those that settings.system
/// does not read are refused, with the names of systems that do; without a system they are taken. Neither are in help.
void add_settings(CLI::App& command, Settings& settings);
/// Declares only those that settings.system reads.
void add_own_settings(CLI::App& command, Settings& settings);

}  // namespace erg::tools
