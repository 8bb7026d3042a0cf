#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace plimsoll::cli {

/// The commands, as bits, so that a flag can name those that take it.
using CommandBit = std::uint32_t;
inline constexpr CommandBit kRun = 1;
inline constexpr CommandBit kPlan = 2;
inline constexpr CommandBit kTokenize = 4;
inline constexpr CommandBit kDevices = 8;
inline constexpr CommandBit kBench = 16;
inline constexpr CommandBit kCompletion = 32;
inline constexpr CommandBit kTop = 64;
inline constexpr CommandBit kPs = 128;
inline constexpr CommandBit kDoctor = 256;

struct CommandSpec {
  CommandBit bit;
  std::string_view name;
  std::string_view arguments;  ///< as written behind the name in a usage line
  std::string_view summary;
  std::string_view examples;  ///< lines of a command and a remark
  std::string_view notes;     ///< paragraphs at the end of the command's help
};

/// A flag of one or more commands.
struct FlagSpec {
  std::string_view name;     ///< "--max-memory"
  std::string_view letter;   ///< "-q", or empty
  std::string_view value;    ///< what its value is called in help ("SIZE"); empty: a switch
  std::string_view choices;  ///< values to complete, separated by spaces; "@file" last: and files
  std::uint32_t commands;    ///< CommandBit set
  std::string_view group;    ///< heading in help; empty: hidden
  std::string_view help;
  std::string_view missing;  ///< not empty: part of the contract, not built; what to do instead
  bool repeats = false;      ///< every value counts, not just the last
};

/// A command of the contract that is not built.
struct MissingCommand {
  std::string_view name;
  std::string_view instead;
};

std::span<const CommandSpec> command_specs();
std::span<const FlagSpec> flag_specs();
std::span<const MissingCommand> missing_commands();

const CommandSpec* find_command(std::string_view name);
const FlagSpec* find_flag(std::string_view name, CommandBit command);

/// "--max-memory" -> "PLIMSOLL_MAX_MEMORY".
std::string environment_name(std::string_view flag);

/// The parser of one command, made from the lists above. Flags that are not built are in it, hidden.
std::unique_ptr<CLI::App> make_parser(const CommandSpec& command);

}  // namespace plimsoll::cli
