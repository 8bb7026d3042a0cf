#include "runtime/headroom.h"

#include <algorithm>

#include "probe/host_memory.h"

namespace plimsoll {

Result<Bytes> check_headroom(Os& os, Bytes next) {
  const HostMemory memory = probe::probe_host_memory(os);
  const Bytes free = saturating_sub(memory.budget, memory.ours);
  if (next <= free) return free;
  return Error{ErrorCode::out_of_memory,
               "memory was taken since it was planned: " + format_bytes(next) + " more is needed and " + format_bytes(free) +
                   " is free by " + memory.set_by,
               "cpu", "run again: the plan will fit what is free then", MemoryShortfall{"cpu", next, free, memory.budget, {}, {}}};
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
