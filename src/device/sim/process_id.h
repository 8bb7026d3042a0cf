#pragma once

#include <plimsoll/os.h>

#include "device/sim/heap_table.h"

namespace plimsoll::sim {

/// This process; `heap` is zero. Fails where there is no /proc.
Result<Owner> this_process(Os& os);

/// False when no process has the owner's number, or another one that began at another time, or one that has ended and waits for its
/// parent: such a one has given all back. True when in doubt.
bool is_running(Os& os, const Owner& owner);

/// Its command as far as it may be seen; empty if not.
std::string command_of(Os& os, std::int64_t pid);

}  // namespace plimsoll::sim
