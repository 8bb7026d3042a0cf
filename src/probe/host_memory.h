#pragma once

#include <vector>

#include <plimsoll/machine.h>
#include <plimsoll/os.h>

#include "probe/cgroup.h"

namespace plimsoll::probe {

/// The host's memory and every finite limit around this process:
///   MemAvailable (where /proc/meminfo does not tell: what sysinfo calls free or buffers) + what we hold;
///   each enclosing cgroup's memory.max and memory.high (version 2) or memory.limit_in_bytes (version 1), less what others hold there
///   that cannot be reclaimed, less an allowance, kGroupAllowance or more;
///   what is available on the memory nodes that this process may use, where these are not all (cpuset);
///   RLIMIT_AS and RLIMIT_DATA, less what is used up beside the memory that a plan counts;
///   under overcommit mode 2, what may still be committed, less what the kernel keeps for root and the user.
/// The budget is the least of these. Swap is never counted. A limit of version 1 that lies above what this process can see is known
/// from memory.stat (hierarchical_memory_limit). Never fails.
HostMemory probe_host_memory(Os& os);

/// The same for chains found before (`find_group_chains(os, "memory")`): cheap enough for every step of a pass.
HostMemory probe_host_memory(Os& os, const std::vector<GroupChain>& chains);

}  // namespace plimsoll::probe
