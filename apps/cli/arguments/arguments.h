#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/result.h>

#include "arguments/options.h"

namespace plimsoll::cli {

/// Options from the arguments behind the program's name; flags that are absent come from the environment (PLIMSOLL_...).
/// `command` empty in the result means the program's own --help. Fails with `usage` (nearest name suggested) and with
/// `unsupported` for commands and flags of the contract that are not built.
Result<Options> read_arguments(const std::vector<std::string>& arguments);

/// Whether errors should be JSON, decided before the arguments are known to make sense.
bool wants_json(const std::vector<std::string>& arguments);

}  // namespace plimsoll::cli
