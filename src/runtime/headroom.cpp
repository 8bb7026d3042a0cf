#include "runtime/headroom.h"

#include <algorithm>

#include "probe/host_memory.h"

namespace plimsoll {

Result<Bytes> check_headroom(Os& os, Bytes next) {
  const HostMemory memory = probe::probe_host_memory(os);
  const Bytes budget = memory.contended_budget();
  const Bytes free = saturating_sub(budget, memory.ours);
  if (next <= free) return free;
  std::string set_by = memory.available_by;
  for (const MemoryLimit& limit : memory.limits)
    if (limit.contended && limit.budget == budget) set_by = limit.set_by;
  return Error{ErrorCode::out_of_memory,
               "memory was taken since it was planned: " + format_bytes(next) + " more is needed and " + format_bytes(free) +
                   " is free by " + set_by,
               "cpu", "run again: the plan will fit what is free then", MemoryShortfall{"cpu", next, free, budget, {}, {}}};
}

Status Headroom::before(Bytes next) {
  if (next > granted_) {
    PLIMSOLL_TRY(const Bytes free, check_headroom(os_, next));
    granted_ = std::max(next, std::min(free, kStride));
  }
  granted_ -= next;
  return {};
}

}  // namespace plimsoll
