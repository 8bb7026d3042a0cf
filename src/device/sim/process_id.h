#pragma once

#include <plimsoll/os.h>

#include "device/sim/heap_table.h"

namespace plimsoll::sim {

/// This process; `heap` is zero. Fails where there is no /proc.
Result<Owner> this_process(Os& os);

/// The file that an owner of a heap whose table is at `table` holds locked while it lives. A process's number would not do: another
/// namespace of processes has others.
std::string owner_file(const std::string& table, const Owner& owner);

/// False when nobody holds that file, which then is removed: such an owner has given all back. True when in doubt.
bool is_alive(Os& os, const std::string& table, const Owner& owner);

/// Its command as far as it may be seen; empty if not, as for a process of a namespace that this one does not see.
std::string command_of(Os& os, const Owner& owner);

}  // namespace plimsoll::sim
