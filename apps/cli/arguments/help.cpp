#include "arguments/help.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <plimsoll/version.h>
#include <CLI/CLI.hpp>

#include "text/json_writer.h"
#include "text/wrapped.h"

namespace plimsoll::cli {
namespace {

constexpr std::size_t kFlagColumn = 32;

std::string indented(std::string_view lines) {
  std::string out;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
    out += fmt::format("  {}\n", line);
  }
  return out;
}

std::string flag_lines(const CLI::Option& option, std::size_t columns) {
  std::string names = option.get_snames().empty() ? "    " : "-" + option.get_snames()[0] + ", ";
  names += "--" + option.get_lnames().at(0);
  if (option.get_items_expected_max() > 0) names += " " + option.get_type_name();
  const std::string description = wrapped(option.get_description(), kFlagColumn, columns);
  if (names.size() + 4 > kFlagColumn) return fmt::format("  {}\n{}{}\n", names, std::string(kFlagColumn, ' '), description);
  return fmt::format("  {:<{}}{}\n", names, kFlagColumn - 2, description);
}

std::string all_flags(const CLI::App& parser, std::size_t columns) {
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
      if (option->get_group() == group) text += flag_lines(*option, columns);
    }
  }
  return text;
}

constexpr std::string_view kCommands =
    "help COMMAND, or COMMAND --help, explains a command and its flags; version, -V or --version prints the version (with --json an "
    "object).";

constexpr std::string_view kValues =
    "Sizes are 512MiB, 11.17GiB, 10GB or a number of bytes, in letters of either case; MiB and M count in 1024s, MB in 1000s, and "
    "decimals are rounded down to a byte. MODEL is a directory, or the id of a model that is already in the shared Hub cache.";

constexpr std::string_view kReference = R"(
Exit codes
  0  ok                         4  unsupported: named, not built here
  1  failure: io, bad rows      5  corrupt_file
  2  usage                      6  does_not_fit, out_of_memory: says what would
  3  not_found                  129, 130, 143  SIGHUP, SIGINT, SIGTERM came
  141  the reader of standard output is gone

Environment
  PLIMSOLL_<FLAG>  value of any flag, such as PLIMSOLL_MAX_MEMORY; the flag wins
  PLIMSOLL_ISA     avx512, avx2 or portable: most that is asked of the processor
  NO_COLOR         no colours, and no progress bar
)";

}  // namespace

std::string program_help(std::size_t columns) {
  std::string text = "plimsoll: run HuggingFace models in whatever memory there is\n\n";
  for (const std::string_view name : {"run", "plan"}) text += indented(find_command(name)->examples);
  text += "\nCommands\n";
  for (const CommandSpec& command : command_specs()) {
    text += fmt::format("  {:<28}{}\n", fmt::format("{} {}", command.name, command.arguments), wrapped(command.summary, 30, columns));
  }
  text += "\n  " + wrapped(kCommands, 2, columns) + "\n\n" + wrapped(kValues, 0, columns) + "\n";
  return text + std::string(kReference);
}

std::string command_help(const CommandSpec& command, std::size_t columns) {
  std::string text = fmt::format("{}\n\n  plimsoll {}{}{} [FLAGS]\n\nExamples\n{}", command.summary, command.name,
                                 command.arguments.empty() ? "" : " ", command.arguments, indented(command.examples));
  text += all_flags(*make_parser(command), columns);
  if (!command.notes.empty()) text += "\n" + wrapped(command.notes, 0, columns) + "\n";
  return text + "\n" + wrapped("Sizes, exit codes and environment variables (PLIMSOLL_<FLAG>): `plimsoll --help`.", 0, columns) + "\n";
}

std::string version_json() {
  JsonWriter json;
  json.begin_object().key("version").value(version()).end_object();
  return json.text() + "\n";
}

std::string version_line() { return fmt::format("plimsoll {}\n", version()); }

}  // namespace plimsoll::cli
