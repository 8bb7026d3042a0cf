#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/os.h>

namespace plimsoll::probe {

/// The groups of one hierarchy that enclose this process.
struct GroupChain {
  bool unified = false;                  ///< cgroup version 2
  std::vector<std::string> directories;  ///< innermost first; the last is as far out as this process can see. Never empty
};

/// All of them that can be seen.
struct GroupChains {
  std::vector<GroupChain> chains;
  std::string unseen;  ///< why groups that may limit this process are not among them; empty: none is known to be missing
};

/// The chains in which `controller` ("memory", "cpu") may limit this process: of the version 1 hierarchy that has it, and of the unified
/// hierarchy, wherever both are mounted. Namespaces and bind mounts are seen through as far as /proc/self/mountinfo tells; below what a
/// namespace hides the names of, the group is looked for that lists this process. Where it is under no mount, the mount's own top stands
/// for it. Empty without cgroups. Fails where /proc lists mounts or groups and the list cannot be read: nobody knows then what limits
/// there are.
/// Format: proc(5), cgroups(7), cgroup_namespaces(7).
Result<GroupChains> read_group_chains(Os& os, std::string_view controller);

/// The same; empty where it fails.
std::vector<GroupChain> find_group_chains(Os& os, std::string_view controller);

/// The group of a process, by its /proc/PID/cgroup, in the hierarchy that has `controller` or the unified one.
std::optional<std::string> group_path(std::string_view table, std::string_view controller, bool unified);

}  // namespace plimsoll::probe
