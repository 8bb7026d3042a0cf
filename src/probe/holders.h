#pragma once

#include <cstddef>
#include <vector>

#include <plimsoll/error.h>
#include <plimsoll/os.h>

namespace plimsoll::probe {

/// The processes other than this one with the most anonymous memory, largest first, at most `count`; those that this user may not see, or
/// that end meanwhile, are left out. The command is the program's name and its first argument unless that is an option. Reads /proc
/// once a process: for errors, not for loops.
std::vector<Holder> find_largest_holders(Os& os, std::size_t count = 3);

}  // namespace plimsoll::probe
