#pragma once

#include <cstddef>
#include <string>

#include "arguments/flags.h"

namespace plimsoll::cli {

/// `plimsoll --help`, in lines of `columns` >= 80.
std::string program_help(std::size_t columns);

/// `plimsoll COMMAND --help`: usage, examples, the flags by group, notes.
std::string command_help(const CommandSpec& command, std::size_t columns);

std::string version_line();
/// {"version": "0.1.0"}
std::string version_json();

}  // namespace plimsoll::cli
