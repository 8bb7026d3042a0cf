#pragma once

#include <string>

#include "flags.h"

namespace plimsoll::cli {

/// `plimsoll --help`.
std::string program_help();

/// `plimsoll COMMAND --help`: usage, examples, the flags by group, notes.
std::string command_help(const CommandSpec& command);

std::string version_line();

}  // namespace plimsoll::cli
