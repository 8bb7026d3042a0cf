#pragma once

#include <string>
#include <vector>

#include <plimsoll/os.h>

namespace plimsoll::cli {

/// One thing that was looked at on this machine.
struct CheckLine {
  std::string name;  ///< "memory", "driver", ...
  bool ok = true;
  std::string found;  ///< what is there
  std::string fix;    ///< what to do; empty where nothing is amiss
};

/// Looks at this machine: driver and devices as NVML tells of them, memory and processors and what limits them, instruction sets, the
/// folders for caches and locks. Absence is a line, not an error. A back end that knows more adds its own lines.
std::vector<CheckLine> check_machine(Os& os);

}  // namespace plimsoll::cli
