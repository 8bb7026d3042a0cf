#pragma once

#include <span>

namespace plimsoll::cli {

/// The whole command: gives the exit status of DESIGN.md section 6. Nothing thrown gets out of it. Call it once a process.
/// `words`: those of the command line, without the program's own name.
int run_cli(std::span<char* const> words);

}  // namespace plimsoll::cli
