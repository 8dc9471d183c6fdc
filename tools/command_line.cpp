#include "command_line.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <sstream>

#include "error.h"
#include "recipes/recipes.h"
#include "spelling.h"

namespace erg::tools {

namespace {

constexpr std::string_view prefix = "ERG_TRAIN_";

/// "--batch" of "ERG_TRAIN_BATCH".
std::string option_of(std::string_view variable) {
  std::string option = "--";
  for (const char c : variable.substr(prefix.size())) option += c == '_' ? '-' : char(std::tolower(c));
  return option;
}

/// Variables of the environment that stand for options of train, and the options with their values.
std::vector<std::pair<std::string, std::string>> variables() {
  std::vector<std::pair<std::string, std::string>> all;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals + 1 == text.size()) continue;
    const std::string_view name = text.substr(0, equals);
    const bool data = name == "ERG_DATA";
    if (data || name.starts_with(prefix))
      all.emplace_back(name, (data ? "--data-dir" : option_of(name)) + std::string(text.substr(equals)));
  }
  std::ranges::sort(all);
  return all;
}

/// The command among the words: the first that is neither an option nor the value of --config.
Words::const_iterator find_command(const Words& words) {
  for (auto word = words.begin(); word != words.end(); ++word) {
    if (*word == "--config" && word + 1 != words.end())
      ++word;
    else if (!word->starts_with('-'))
      return word;
  }
  return words.end();
}

// ---- Errors

std::string unexpected(const CLI::App& app, const CLI::App& command) {
  const Words left = app.remaining(true);
  const auto option = std::ranges::find_if(left, [](const std::string& word) { return word.starts_with('-'); });
  if (option != left.end()) {
    const std::string name = option->substr(0, option->find('='));
    return "unknown option '" + name + "'" + did_you_mean(name, options_of(command));
  }
  if (const auto commands = commands_of(command); !commands.empty()) return unknown("command", left.front(), commands);
  return "'" + left.front() + "' is one word too many";
}

std::string missing(const CLI::App& app, const CLI::App& command, const std::string& what) {
  if (const Words commands = commands_of(command); !commands.empty())
    return app.remaining(true).empty() ? "expected a command: " + join(commands) : unexpected(app, command);
  const std::string name = what.substr(0, what.find(' '));
  if (command.get_name() == "train" || command.get_name() == "tape")
    return "expected a system: " + join(recipe_names());
  return name + " is missing";
}

/// Of a config file's key, such as train.rate: CLI11 says "INI was not able to parse KEY", with ++ for a section, or
/// "KEY: This option is not allowed in a configuration file".
std::string misplaced(const CLI::App& app, const std::string& what) {
  const std::string section = "train.", opening = ".++";
  std::string key =
      what.find(": ") == std::string::npos ? what.substr(what.rfind(' ') + 1) : what.substr(0, what.find(": "));
  const std::string file = app.get_config_ptr()->as<std::string>() + ": ";
  if (key.ends_with(opening))
    return file + "unknown section '" + key.substr(0, key.size() - opening.size()) + "'; settings are those of [train]";
  const std::string name = key.starts_with(section) ? key.substr(section.size()) : key;
  Words known;
  for (const std::string& option : options_of(*app.get_subcommand("train"))) known.push_back(option.substr(2));
  const bool outside = name == key && std::ranges::find(known, name) != known.end();
  return file + "unknown setting '" + key + "'" +
         (outside ? ", did you mean 'train." + name + "'?" : did_you_mean(name, known));
}

std::string explain(const CLI::App& app, const CLI::App& command, const CLI::ParseError& error) {
  const std::string what = error.what();
  if (dynamic_cast<const CLI::ExtrasError*>(&error)) return unexpected(app, command);
  if (dynamic_cast<const CLI::RequiredError*>(&error)) return missing(app, command, what);
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) && what.ends_with("missing"))
    return what.substr(0, what.find(':')) + ": expected a value";
  if (dynamic_cast<const CLI::ConfigError*>(&error)) return misplaced(app, what);
  if (dynamic_cast<const CLI::FileError*>(&error))
    return "--config: there is no file " + app.get_config_ptr()->as<std::string>();
  return what.starts_with(": ") ? what.substr(2) : what;  // CLI11 has no name for an option that help does not show
}

bool is_about(const std::string& text, const std::string& option) {
  const size_t at = text.find(option), end = at + option.size();
  return at != std::string::npos && !std::isalnum(text[end]) && text[end] != '-';
}

/// " (from ERG_TRAIN_RATE)" where a text is about an option that came from there.
std::string origin(const std::string& text, const Words& words) {
  for (const auto& [variable, word] : variables())
    if (std::ranges::find(words, word) != words.end() && is_about(text, word.substr(0, word.find('='))))
      return " (from " + variable + ")";
  return "";
}

/// What was typed may hold anything; a message is one line, and terminals take orders from control characters.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    char code[8];
    std::snprintf(code, sizeof code, "\\x%02x", unsigned(uint8_t(c)));
    out += uint8_t(c) < ' ' || c == 127 ? std::string(code) : std::string(1, c);
  }
  return out;
}

std::string complaint(const CommandLine& line, const CLI::ParseError& error, const Words& words) {
  const CLI::App* command = &line.app;
  std::string help = "erg";
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    help += " " + command->get_name();
  }
  if (command->get_name() == "train" && !line.settings.system.empty()) help += " " + line.settings.system;
  const std::string text = explain(line.app, *command, error);
  return escaped(text + origin(text, words) + "; see '" + help + " --help'");
}

/// Config files hold settings of training alone.
void keep_out_of_files(CLI::App& command) {
  for (CLI::Option* option : command.get_options()) option->configurable(false);
  for (CLI::App* part : command.get_subcommands(nullptr)) keep_out_of_files(*part);
}

}  // namespace

CommandLine::CommandLine(const Settings& defaults) : settings(defaults) {
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
  add_completion(app, run);
  for (CLI::App* command : app.get_subcommands(nullptr))
    if (command->get_name() != "train") keep_out_of_files(*command);
  app.footer(
      "Run 'erg COMMAND --help' for a command's options. Exit codes: 0 ok, 1 check failed, 2 internal error, 64 "
      "usage,\n"
      "65 bad data, 66 no input, 69 device unavailable, 73/74 cannot write, 75 out of memory, 76 diverged, 130/143\n"
      "stopped after a checkpoint. diagnose has verdicts of its own.");
}

Words commands_of(const CLI::App& command) {
  Words names;
  for (const CLI::App* part : command.get_subcommands(nullptr)) names.push_back(part->get_name());
  return names;
}

Words options_of(const CLI::App& command) {
  Words names;
  for (const CLI::App* app = &command; app; app = app->get_parent())
    for (const CLI::Option* option : app->get_options())
      if (!option->get_group().empty() && option->nonpositional()) names.push_back("--" + option->get_single_name());
  return names;
}

Words choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();  // "TEXT:{a,b}"
  const size_t open = type.find('{'), close = type.rfind('}');
  Words all;
  if (open == std::string::npos || close == std::string::npos) return all;
  std::istringstream list(type.substr(open + 1, close - open - 1));
  for (std::string word; std::getline(list, word, ',');) all.push_back(word);
  return all;
}

Words with_environment(const Words& words) {
  Words all = words;
  const auto command = find_command(words);
  if (command == words.end() || *command != "train") return all;
  auto place = all.begin() + (command - words.begin()) + 1;
  for (const auto& [variable, word] : variables()) {
    const std::string option = word.substr(0, word.find('='));
    const auto typed = [&](const std::string& w) { return w == option || w.starts_with(option + "="); };
    if (std::ranges::none_of(words, typed)) place = all.insert(place, word) + 1;
  }
  return all;
}

namespace {

void parse(CommandLine& line, const Words& words) {
  Words reversed(words.rbegin(), words.rend());  // as CLI11 wants them
  line.app.parse(reversed);
}

}  // namespace

Settings defaults_for(const Words& words) {
  Settings blank;
  blank.data.clear();
  blank.nets.clear();
  CommandLine line(blank);
  try {
    parse(line, words);
  } catch (const CLI::ParseError&) {  // read() reports it
  }
  const Settings& given = line.settings;
  if (!given.resume.empty()) return resumed(given.resume);
  if (given.system.empty()) return {};
  Settings defaults =
      preset(given.system, given.data.empty() ? default_data(given.system, given.preset) : given.data, given.preset);
  if (!given.nets.empty()) defaults.nets = given.nets;
  return defaults;
}

bool read(CommandLine& line, const Words& words) {
  try {
    parse(line, words);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return line.app.exit(error), false;
    throw UsageError(complaint(line, error, words));
  }
  if (!line.run)
    throw UsageError("no command given: expected one of " + join(commands_of(line.app)) + "; see 'erg --help'");
  // The file's section counts as the command it is named after.
  const std::string command = line.app.get_subcommands().front()->get_name();
  if (line.app.get_config_ptr()->count() > 0 && command != "train")
    throw UsageError("--config is for 'erg train'; " + command + " takes options");
  return true;
}

}  // namespace erg::tools
