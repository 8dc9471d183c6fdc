#include "completion.h"

#include <algorithm>
#include <cstdio>

#include "error.h"
#include "recipes/recipes.h"

namespace erg::tools {

namespace {

constexpr std::pair<const char*, const char*> scripts[] = {
    {"bash", R"sh(_erg() {
  local IFS=$'\n'
  COMPREPLY=($("$1" completion -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _erg erg
)sh"},
    {"zsh", R"sh(#compdef erg
_erg() {
  local -a found
  found=(${(f)"$("${words[1]}" completion -- "${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( $#found )); then compadd -a found; else _files; fi
}
compdef _erg erg
)sh"},
    {"fish", R"sh(function _erg
  set -l words (commandline -opc)
  $words[1] completion -- $words[2..-1] (commandline -ct) 2>/dev/null
end
complete -c erg -a '(_erg)'
)sh"},
};

Words shells() {
  Words names;
  for (const auto& [name, script] : scripts) names.emplace_back(name);
  return names;
}

/// What may follow a command but options: its commands, or the words of its first argument, if it has none yet.
Words arguments(const CLI::App& command, bool first) {
  for (const CLI::Option* option : command.get_options())
    if (first && option->get_positional()) return choices_of(*option);
  return commands_of(command);
}

const CLI::App* part_of(const CLI::App& command, const std::string& name) {
  for (const CLI::App* part : command.get_subcommands(nullptr))
    if (part->get_name() == name) return part;
  return nullptr;
}

/// The option of this name that wants a value, of a command or those it is part of.
const CLI::Option* with_value(const CLI::App& command, const std::string& name) {
  for (const CLI::App* app = &command; app; app = app->get_parent())
    if (const CLI::Option* option = app->get_option_no_throw(name); option && name.starts_with('-'))
      return option->get_items_expected_max() > 0 ? option : nullptr;
  return nullptr;
}

/// Settings as far as they are typed, without an option that still wants its value; whatever is wrong with them is not
/// the shell's business.
Settings settings_so_far(Words typed) {
  if (!typed.empty() && typed.back().starts_with('-')) typed.pop_back();
  try {
    return defaults_for(typed);
  } catch (const std::exception&) { return {}; }
}

Words candidates(const Words& before, const std::string& last) {
  const CommandLine line(settings_so_far(before));
  const CLI::App* command = &line.app;
  const CLI::Option* wants = nullptr;  // what the next word is a value of
  bool first = true;
  for (const std::string& word : before) {
    if (wants) {
      wants = nullptr;
    } else if (word.starts_with('-')) {
      wants = with_value(*command, word);
    } else if (const CLI::App* part = part_of(*command, word)) {
      command = part;
    } else {
      first = false;
    }
  }
  if (wants) return choices_of(*wants);
  return last.starts_with('-') ? options_of(*command) : arguments(*command, first);
}

}  // namespace

bool asks_for_completion(const Words& words) {
  return words.size() > 2 && words[0] == "completion" && words[1] == "--";
}

int complete(const Words& words) {
  const Words before(words.begin() + 2, words.end() - 1);
  for (const std::string& word : candidates(before, words.back()))
    if (word.starts_with(words.back())) std::printf("%s\n", word.c_str());
  return Exit::ok;
}

void add_completion(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("completion", "Print a script that teaches a shell to complete erg's words");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "The shell")->required()->check(one_of("shell", shells()));
  command->footer(
      "bash: add to ~/.bashrc:   source <(erg completion bash)\n"
      "zsh:  add to ~/.zshrc:    source <(erg completion zsh)      behind compinit\n"
      "fish: erg completion fish > ~/.config/fish/completions/erg.fish");
  command->callback([&run, shell] {
    run = [shell] {
      std::fputs(std::ranges::find(scripts, *shell, [](const auto& row) { return std::string(row.first); })->second,
                 stdout);
      return int(Exit::ok);
    };
  });
}

}  // namespace erg::tools
