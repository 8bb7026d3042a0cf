#pragma once

#include <string>
#include <string_view>

#include <plimsoll/os.h>

namespace plimsoll::probe {

/// Whose memory a limit counts, as HostMemory::set_by names it: the members of a group and of those below it; everybody, for a limit of the
/// machine; nobody else, for one of this process alone or that somebody has set by a flag.
class LimitedProcesses {
 public:
  LimitedProcesses(Os& os, std::string_view limit);

  /// `pid`: as /proc names it. A process of which nothing can be read is in no group.
  bool contain(Os& os, const std::string& pid) const;

 private:
  bool everybody_ = false;
  bool unified_ = false;
  std::string group_;  ///< the path of the limit's group as /proc/PID/cgroup says it; empty: no group
};

}  // namespace plimsoll::probe
