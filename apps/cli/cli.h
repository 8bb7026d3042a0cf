#pragma once

#include <string>
#include <vector>

namespace plimsoll::cli {

/// The whole command: gives the exit status of DESIGN.md section 6. Nothing thrown gets out of it. Call it once a process.
int run_cli(const std::vector<std::string>& arguments);

}  // namespace plimsoll::cli
