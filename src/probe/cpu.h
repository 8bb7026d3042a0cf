#pragma once

#include <plimsoll/machine.h>
#include <plimsoll/os.h>

namespace plimsoll::probe {

/// Affinity, CPU quotas of all enclosing cgroups (cpu.max; cpu.cfs_quota_us over cpu.cfs_period_us), physical cores within the affinity
/// mask and the model's name. `isa` and `native_bfloat16` are left empty. Never fails.
CpuDescription probe_cpu(Os& os);

}  // namespace plimsoll::probe
