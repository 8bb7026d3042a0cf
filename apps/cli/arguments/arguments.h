#pragma once

#include <span>

#include <plimsoll/result.h>

#include "arguments/options.h"

namespace plimsoll::cli {

/// Options from the arguments behind the program's name, whose bytes outlive them; flags that are absent come from the environment
/// (PLIMSOLL_...). `command` empty in the result means the program's own --help. Fails with `usage` (nearest name suggested) and with
/// `unsupported` for commands and flags of the contract that are not built.
Result<Options> read_arguments(std::span<char* const> arguments);

/// Whether errors should be JSON, decided before the arguments are known to make sense.
bool wants_json(std::span<char* const> arguments);

}  // namespace plimsoll::cli
