#include "help.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <plimsoll/version.h>
#include <CLI/CLI.hpp>

#include "wrapped.h"

namespace plimsoll::cli {
namespace {

constexpr std::size_t kColumns = 96;
constexpr std::size_t kFlagColumn = 32;

std::string wrapped(std::string_view text, std::size_t indent) { return cli::wrapped(text, indent, kColumns); }

std::string indented(std::string_view lines) {
  std::string out;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
    out += fmt::format("  {}\n", line);
  }
  return out;
}

std::string flag_lines(const CLI::Option& option) {
  std::string names = option.get_snames().empty() ? "    " : "-" + option.get_snames()[0] + ", ";
  names += "--" + option.get_lnames().at(0);
  if (option.get_items_expected_max() > 0) names += " " + option.get_type_name();
  const std::string description = wrapped(option.get_description(), kFlagColumn);
  if (names.size() + 4 > kFlagColumn) return fmt::format("  {}\n{}{}\n", names, std::string(kFlagColumn, ' '), description);
  return fmt::format("  {:<{}}{}\n", names, kFlagColumn - 2, description);
}

std::string all_flags(const CLI::App& parser) {
  std::vector<std::string> groups;
  for (const CLI::Option* option : parser.get_options()) {
    if (!option->get_group().empty() && std::ranges::find(groups, option->get_group()) == groups.end())
      groups.push_back(option->get_group());
  }
  // "Messages" holds --help, which is added first; it reads better last.
  if (!groups.empty()) std::rotate(groups.begin(), groups.begin() + 1, groups.end());
  std::string text;
  for (const std::string& group : groups) {
    text += "\n" + group + "\n";
    for (const CLI::Option* option : parser.get_options()) {
      if (option->get_group() == group) text += flag_lines(*option);
    }
  }
  return text;
}

constexpr std::string_view kReference = R"(
Sizes are 512MiB, 11.17GiB, 10GB or a number of bytes; MiB counts in 1024s, MB in 1000s, and
decimals are rounded down to a byte. MODEL is a directory, or the id of a model that is already
in the shared Hub cache.

Exit codes
  0  ok                             4  unsupported: named, not built here
  1  failure: io, bad rows          5  corrupt_file
  2  usage                          6  does_not_fit, out_of_memory: names the smallest budget
  3  not_found                      129, 130, 143  cancelled by SIGHUP, SIGINT, SIGTERM
  141  the reader of standard output is gone

Environment
  PLIMSOLL_<FLAG>  value of any flag: PLIMSOLL_MAX_MEMORY is --max-memory; the flag wins
  PLIMSOLL_ISA     avx2 or avx512: most that the processor is asked for
  NO_COLOR         no colours, and no progress bar
)";

}  // namespace

std::string program_help() {
  std::string text = "plimsoll: run HuggingFace models in whatever memory there is\n\n";
  for (const std::string_view name : {"run", "plan"}) text += indented(find_command(name)->examples);
  text += "\nCommands\n";
  for (const CommandSpec& command : command_specs()) {
    text += fmt::format("  {:<28}{}\n", fmt::format("{} {}", command.name, command.arguments), wrapped(command.summary, 30));
  }
  text += "\n  help COMMAND, or COMMAND --help, explains a command and its flags; version, -V or --version\n  prints the version.\n";
  return text + std::string(kReference);
}

std::string command_help(const CommandSpec& command) {
  std::string text = fmt::format("{}\n\n  plimsoll {}{}{} [FLAGS]\n\nExamples\n{}", command.summary, command.name,
                                 command.arguments.empty() ? "" : " ", command.arguments, indented(command.examples));
  text += all_flags(*make_parser(command));
  if (!command.notes.empty()) text += "\n" + wrapped(command.notes, 0) + "\n";
  return text + "\n" + wrapped("Sizes, exit codes and environment variables (PLIMSOLL_<FLAG>): `plimsoll --help`.", 0) + "\n";
}

std::string version_line() { return fmt::format("plimsoll {}\n", version()); }

}  // namespace plimsoll::cli
