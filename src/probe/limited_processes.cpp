#include "probe/limited_processes.h"

#include <algorithm>

#include "probe/cgroup.h"
#include "probe/fields.h"

namespace plimsoll::probe {
namespace {

/// The memory group of a process, of one version or the other; empty when it is not known.
std::string group_of(Os& os, const std::string& pid, bool unified) {
  const auto table = os.read_text("/proc/" + pid + "/cgroup", kLargestTable);
  return table.ok() ? group_path(*table, "memory", unified).value_or("") : "";
}

}  // namespace

LimitedProcesses::LimitedProcesses(Os& os, std::string_view limit)
    : everybody_(limit == "MemAvailable" || limit == "sysinfo" || limit == "/proc/sys/vm/overcommit_memory" ||
                 limit == "/proc/self/status Mems_allowed_list") {
  if (everybody_) return;
  const std::string_view directory = limit.substr(0, limit.rfind('/'));
  for (const GroupChain& chain : find_group_chains(os, "memory")) {
    const auto found = std::ranges::find(chain.directories, directory);
    if (found == chain.directories.end() || directory == limit) continue;
    unified_ = chain.unified;
    group_ = group_of(os, "self", unified_);
    // One part of the own group's path less for each directory further out.
    for (auto outwards = found - chain.directories.begin(); outwards > 0 && !group_.empty(); --outwards) group_.erase(group_.rfind('/'));
    if (group_.empty()) group_ = "/";
  }
}

bool LimitedProcesses::contain(Os& os, const std::string& pid) const {
  if (everybody_ || group_.empty()) return everybody_;
  const std::string group = group_of(os, pid, unified_);
  // Outside of a namespace's top it is "/..".
  if (group.empty() || group.starts_with("/..")) return false;
  return group_ == "/" || group == group_ || group.starts_with(group_ + "/");
}

}  // namespace plimsoll::probe
