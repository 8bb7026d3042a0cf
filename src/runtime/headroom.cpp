#include "runtime/headroom.h"

#include <algorithm>

#include "probe/host_memory.h"

namespace plimsoll {
namespace {

Bytes free_of(const HostMemory& memory) { return saturating_sub(memory.contended_budget(), memory.ours); }

Status check(const HostMemory& memory, Bytes next) {
  const Bytes free = free_of(memory);
  if (next <= free) return {};
  const Bytes budget = memory.contended_budget();
  std::string set_by = memory.available_by;
  for (const MemoryLimit& limit : memory.limits)
    if (limit.contended && limit.budget == budget) set_by = limit.set_by;
  return Error{ErrorCode::out_of_memory,
               "memory was taken since it was planned: " + format_bytes(next) + " more is needed and " + format_bytes(free) +
                   " is free by " + set_by,
               "cpu", "run again: the plan will fit what is free then", MemoryShortfall{"cpu", next, free, budget, {}, {}}};
}

}  // namespace

Status check_headroom(Os& os, Bytes next) { return check(probe::probe_host_memory(os), next); }

Status Headroom::before(Bytes next) {
  if (next > granted_) {
    const HostMemory memory = probe::probe_host_memory(os_);
    PLIMSOLL_CHECK(check(memory, next));
    const bool in_group = std::ranges::any_of(memory.limits, &MemoryLimit::contended);
    granted_ = std::max(next, std::min(free_of(memory), in_group ? kStrideInGroup : kStride));
  }
  granted_ -= next;
  return {};
}

}  // namespace plimsoll
