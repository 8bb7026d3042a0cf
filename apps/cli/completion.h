#pragma once

#include <string>
#include <string_view>

namespace plimsoll::cli {

/// The completion script of a shell ("bash", "zsh" or "fish"), made from the commands and flags there are; empty for another shell.
std::string completion_script(std::string_view shell);

}  // namespace plimsoll::cli
