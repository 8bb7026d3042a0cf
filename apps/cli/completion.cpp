#include "completion.h"

#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "commands.h"
#include "flags.h"
#include "suggest.h"

namespace plimsoll::cli {
namespace {

/// A flag as a shell needs it.
struct Flag {
  std::string name;
  std::string letter;
  std::string help;
  bool takes_value = false;
  std::string_view choices;
};

std::vector<Flag> flags_of(const CommandSpec& command) {
  std::vector<Flag> flags;
  const auto parser = make_parser(command);
  for (const CLI::Option* option : parser->get_options()) {
    if (option->get_group().empty()) continue;
    Flag flag{"--" + option->get_lnames().at(0), "", option->get_description(), option->get_items_expected_max() > 0, {}};
    if (!option->get_snames().empty()) flag.letter = "-" + option->get_snames()[0];
    if (const FlagSpec* spec = find_flag(flag.name, command.bit)) flag.choices = spec->choices;
    flags.push_back(std::move(flag));
  }
  return flags;
}

std::string command_names() {
  std::string names;
  for (const CommandSpec& command : command_specs()) names += (names.empty() ? "" : " ") + std::string(command.name);
  return names;
}

/// Single-quoted for a POSIX shell.
std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string bash_values(const CommandSpec& command) {
  std::string text;
  for (const Flag& flag : flags_of(command)) {
    if (!flag.takes_value) continue;
    const std::string action = flag.choices == "@file" ? "mapfile -t COMPREPLY < <(compgen -f -- \"$word\")"
                               : flag.choices.empty()
                                   ? "COMPREPLY=()"
                                   : fmt::format("mapfile -t COMPREPLY < <(compgen -W {} -- \"$word\")", shell_quoted(flag.choices));
    text += fmt::format("    {}:{}) {}; return;;\n", command.name, flag.name, action);
  }
  return text;
}

std::string bash_script() {
  std::string values;
  std::string flags;
  for (const CommandSpec& command : command_specs()) {
    values += bash_values(command);
    std::string names;
    for (const Flag& flag : flags_of(command)) names += (names.empty() ? "" : " ") + flag.name;
    flags += fmt::format("    {}) flags={};;\n", command.name, shell_quoted(names));
  }
  return fmt::format(R"(# bash completion for plimsoll
_plimsoll() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command=${{COMP_WORDS[1]}} flags=
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W '{} --help --version' -- "$word")
    return
  fi
  case $command:$before in
{}    completion:completion) mapfile -t COMPREPLY < <(compgen -W 'bash zsh fish' -- "$word"); return;;
  esac
  case $command in
{}  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}}
complete -o filenames -F _plimsoll plimsoll
)",
                     command_names(), values, flags);
}

/// Brackets and colons separate the parts of an _arguments specification.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_flag(const Flag& flag) {
  const std::string help = fmt::format("[{}]", zsh_text(flag.help));
  std::string value;
  if (flag.takes_value)
    value = flag.choices == "@file" ? ":file:_files" : flag.choices.empty() ? ":value:" : fmt::format(":value:({})", flag.choices);
  std::string line = fmt::format("        {} \\\n", shell_quoted(flag.name + help + value));
  if (!flag.letter.empty()) line += fmt::format("        {} \\\n", shell_quoted(flag.letter + help + value));
  return line;
}

std::string zsh_script() {
  std::string commands;
  std::string cases;
  for (const CommandSpec& command : command_specs()) {
    commands += fmt::format("    {}\n", shell_quoted(fmt::format("{}:{}", command.name, zsh_text(command.summary))));
    cases += fmt::format("      {})\n        _arguments \\\n", command.name);
    for (const Flag& flag : flags_of(command)) cases += zsh_flag(flag);
    cases +=
        fmt::format("        {};;\n", command.bit == kCompletion ? "'1:shell:(bash zsh fish)'" : "'1:model:_files -/' '*:text:_files'");
  }
  return fmt::format(R"(#compdef plimsoll
# zsh completion for plimsoll
_plimsoll() {{
  local -a commands
  commands=(
{}  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
{}  esac
}}
_plimsoll "$@"
)",
                     commands, cases);
}

std::string fish_flag(const CommandSpec& command, const Flag& flag) {
  std::string line = fmt::format("complete -c plimsoll -n '__fish_seen_subcommand_from {}' -l {}", command.name, flag.name.substr(2));
  if (!flag.letter.empty()) line += " -s " + flag.letter.substr(1);
  if (flag.takes_value) line += flag.choices == "@file" ? " -r -F" : flag.choices.empty() ? " -x" : " -x -a " + shell_quoted(flag.choices);
  return line + " -d " + shell_quoted(flag.help) + "\n";
}

std::string fish_script() {
  std::string text = "# fish completion for plimsoll\n";
  for (const CommandSpec& command : command_specs()) {
    text += fmt::format("complete -c plimsoll -n __fish_use_subcommand -f -a {} -d {}\n", command.name, shell_quoted(command.summary));
  }
  for (const CommandSpec& command : command_specs()) {
    for (const Flag& flag : flags_of(command)) text += fish_flag(command, flag);
  }
  return text + "complete -c plimsoll -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n";
}

}  // namespace

std::string completion_script(std::string_view shell) {
  if (shell == "bash") return bash_script();
  if (shell == "zsh") return zsh_script();
  return shell == "fish" ? fish_script() : std::string();
}

Result<int> completion_command(Context& context) {
  const std::string script = completion_script(context.options.shell);
  if (script.empty()) {
    const std::string meant = nearest(context.options.shell, {"bash", "zsh", "fish"});
    return Error{ErrorCode::usage, fmt::format("there is no script for '{}'", printable(context.options.shell, 40)), "plimsoll completion",
                 meant.empty() ? "give bash, zsh or fish" : fmt::format("did you mean {}?", meant)};
  }
  context.output.write(script);
  return 0;
}

}  // namespace plimsoll::cli
