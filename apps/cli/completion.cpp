#include "completion.h"

#include <optional>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "arguments/flags.h"
#include "arguments/suggest.h"
#include "commands.h"

namespace plimsoll::cli {
namespace {

constexpr std::string_view kFile = "@file";

/// A flag as a shell needs it.
struct Flag {
  std::string name;
  std::string letter;
  std::string help;
  bool takes_value = false;
  bool takes_list = false;   ///< of choices, separated by commas
  bool takes_files = false;  ///< beside its choices
  std::string_view choices;
};

std::vector<Flag> flags_of(const CommandSpec& command) {
  std::vector<Flag> flags;
  const auto parser = make_parser(command);
  for (const CLI::Option* option : parser->get_options()) {
    if (option->get_group().empty()) continue;
    Flag flag{"--" + option->get_lnames().at(0), "", option->get_description(), option->get_items_expected_max() > 0, false, false, {}};
    if (!option->get_snames().empty()) flag.letter = "-" + option->get_snames()[0];
    if (const FlagSpec* spec = find_flag(flag.name, command.bit)) {
      flag.takes_files = spec->choices.ends_with(kFile);
      flag.choices = spec->choices.substr(0, spec->choices.rfind(kFile));
      flag.takes_list = spec->value == "LIST";
    }
    flags.push_back(std::move(flag));
  }
  return flags;
}

std::string command_names() {
  std::string names;
  for (const CommandSpec& command : command_specs()) names += (names.empty() ? "" : " ") + std::string(command.name);
  return names;
}

/// Words to complete behind a command that takes neither a model nor texts; nothing for the others.
std::optional<std::string_view> words_of(const CommandSpec& command) {
  if (command.bit == kCompletion) return "bash zsh fish";
  return (command.bit & (kDevices | kTop | kPs)) != 0 ? std::optional<std::string_view>("") : std::nullopt;
}

/// Single-quoted for a POSIX shell.
std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string bash_action(const Flag& flag) {
  if (flag.takes_files) return fmt::format("_plimsoll_files \"$word\" {}", shell_quoted(flag.choices));
  if (flag.choices.empty()) return "COMPREPLY=()";
  return fmt::format("_plimsoll_{} {} \"$word\"", flag.takes_list ? "list" : "words", shell_quoted(flag.choices));
}

std::string bash_values(const CommandSpec& command) {
  std::string text;
  for (const Flag& flag : flags_of(command)) {
    if (flag.takes_value) text += fmt::format("    {}:{}) {}; return;;\n", command.name, flag.name, bash_action(flag));
  }
  return text;
}

std::string bash_arguments(const CommandSpec& command) {
  std::string names;
  for (const Flag& flag : flags_of(command)) names += (names.empty() ? "" : " ") + flag.name;
  const auto words = words_of(command);
  return fmt::format("    {}) flags={} {};;\n", command.name, shell_quoted(names), words ? "words=" + shell_quoted(*words) : "files=1");
}

std::string bash_script() {
  std::string values;
  std::string arguments;
  for (const CommandSpec& command : command_specs()) {
    values += bash_values(command);
    arguments += bash_arguments(command);
  }
  // Bash takes --flag=value for three words, and cuda:0 too: of that it replaces what stands behind the colon.
  return fmt::format(R"(# bash completion for plimsoll
_plimsoll_words() {{ mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2"); }}
_plimsoll_files() {{ mapfile -t COMPREPLY < <(compgen -f -W "${{2-}}" -- "$1"); }}
_plimsoll_list() {{
  local head=
  [[ $2 == *,* ]] && head=${{2%,*}},
  mapfile -t COMPREPLY < <(compgen -P "$head" -W "$1" -- "${{2##*,}}")
}}
_plimsoll_replies() {{
  local command=${{COMP_WORDS[1]}} flags= words= files=
  if [ "$COMP_CWORD" -eq 1 ]; then
    _plimsoll_words '{0} help version --help --version' "$word"
    return
  fi
  local at
  for (( at = 2; at < COMP_CWORD; at++ )); do
    if [[ ${{COMP_WORDS[at]}} == -- ]]; then
      _plimsoll_files "$word"
      return
    fi
  done
  if [[ $word == = ]]; then word=; elif [[ $before == = ]]; then before=${{COMP_WORDS[first-2]}}; fi
  case $command:$before in
{1}  esac
  case $command in
    help) words='{0}';;
{2}  esac
  if [[ $word == -* ]]; then
    _plimsoll_words "$flags" "$word"
  elif [ -n "$files" ]; then
    _plimsoll_files "$word"
  else
    _plimsoll_words "$words" "$word"
  fi
}}
_plimsoll() {{
  local first=$COMP_CWORD word=${{COMP_WORDS[COMP_CWORD]}}
  while (( first > 2 )) && [[ ${{COMP_WORDS[first]}} == : || ${{COMP_WORDS[first-1]}} == : ]]; do
    word=${{COMP_WORDS[--first]}}$word
  done
  local before=${{COMP_WORDS[first-1]}}
  _plimsoll_replies
  if (( first < COMP_CWORD )); then COMPREPLY=("${{COMPREPLY[@]#"${{word%"${{word##*:}}"}}"}}"); fi
}}
complete -o filenames -F _plimsoll plimsoll
)",
                     command_names(), values, arguments);
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

std::string zsh_value(const Flag& flag) {
  if (!flag.takes_value) return {};
  const std::string choices = zsh_text(flag.choices);
  if (flag.takes_files) return choices.empty() ? ":file:_files" : fmt::format(":value:{{compadd - {}; _files}}", choices);
  if (choices.empty()) return ":value:";
  return flag.takes_list ? fmt::format(":list:_sequence compadd - {}", choices) : fmt::format(":value:({})", choices);
}

std::string zsh_flag(const Flag& flag) {
  const std::string rest = fmt::format("[{}]{}", zsh_text(flag.help), zsh_value(flag));
  std::string line = fmt::format("        {} \\\n", shell_quoted(flag.name + (flag.takes_value ? "=" : "") + rest));
  if (!flag.letter.empty()) line += fmt::format("        {} \\\n", shell_quoted(flag.letter + rest));
  return line;
}

std::string zsh_arguments(const CommandSpec& command) {
  std::string text = fmt::format("    {})\n      _arguments -s -S \\\n", command.name);
  for (const Flag& flag : flags_of(command)) text += zsh_flag(flag);
  const auto words = words_of(command);
  if (words) return text + (words->empty() ? "        ;;\n" : fmt::format("        '1:word:({})';;\n", *words));
  if (command.bit == kDoctor) return text + "        '1:log:_files';;\n";
  return text + (command.bit == kBench ? "        '1:model:_files -/';;\n" : "        '1:model:_files -/' '*:text:_files';;\n");
}

std::string zsh_script() {
  std::string commands;
  std::string cases;
  for (const CommandSpec& command : command_specs()) {
    commands += fmt::format("    {}\n", shell_quoted(fmt::format("{}:{}", command.name, zsh_text(command.summary))));
    cases += zsh_arguments(command);
  }
  // Both as a file of $fpath and by `source <(plimsoll completion zsh)`.
  return fmt::format(R"(#compdef plimsoll
# zsh completion for plimsoll
_plimsoll() {{
  local -a commands
  commands=(
{1}    'help:Explain a command and its flags'
    'version:Print the version'
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    [[ $PREFIX == -* ]] && compadd -- --help --version
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
    help)
      _arguments '1:command:({0})';;
{2}  esac
}}
if [ "$funcstack[1]" = _plimsoll ]; then _plimsoll "$@"; else compdef _plimsoll plimsoll; fi
)",
                     command_names(), commands, cases);
}

std::string fish_values(const Flag& flag) {
  if (!flag.takes_value) return {};
  if (flag.takes_files) return " -r -F" + (flag.choices.empty() ? "" : " -a " + shell_quoted(flag.choices));
  if (flag.choices.empty()) return " -x";
  return " -x -a " + shell_quoted(flag.takes_list ? fmt::format("(__fish_append , {})", flag.choices) : std::string(flag.choices));
}

std::string fish_command(const CommandSpec& command) {
  const std::string start = fmt::format("complete -c plimsoll -n '__plimsoll_is {}'", command.name);
  std::string text;
  for (const Flag& flag : flags_of(command)) {
    const std::string letter = flag.letter.empty() ? "" : " -s " + flag.letter.substr(1);
    text += fmt::format("{} -l {}{}{} -d {}\n", start, flag.name.substr(2), letter, fish_values(flag), shell_quoted(flag.help));
  }
  if (const auto words = words_of(command)) text += start + " -f" + (words->empty() ? "" : " -a " + shell_quoted(*words)) + "\n";
  return text;
}

std::string fish_script() {
  std::string first;
  std::string rest;
  for (const CommandSpec& command : command_specs()) {
    first += fmt::format("complete -c plimsoll -n __plimsoll_first -f -a {} -d {}\n", command.name, shell_quoted(command.summary));
    rest += fish_command(command);
  }
  return fmt::format(R"(# fish completion for plimsoll
function __plimsoll_first
    test (count (commandline -opc)) -eq 1
end
function __plimsoll_is
    set -l words (commandline -opc)
    test (count $words) -gt 1; and test "$words[2]" = $argv[1]
end
{0}complete -c plimsoll -n __plimsoll_first -f -a help -d 'Explain a command and its flags'
complete -c plimsoll -n __plimsoll_first -f -a version -d 'Print the version'
complete -c plimsoll -n __plimsoll_first -l help -d 'Print help'
complete -c plimsoll -n __plimsoll_first -s V -l version -d 'Print the version'
complete -c plimsoll -n '__plimsoll_is help' -f -a '{1}'
complete -c plimsoll -n '__plimsoll_is version' -f
{2})",
                     first, command_names(), rest);
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
