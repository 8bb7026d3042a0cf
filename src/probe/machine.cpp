#include <plimsoll/machine.h>

#include <algorithm>
#include <new>

#include "probe/cpu.h"
#include "probe/host_memory.h"

namespace plimsoll {

Result<Snapshot> probe_machine(Os& os) try {
  Snapshot snapshot;
  snapshot.memory = probe::probe_host_memory(os);
  snapshot.cpu = probe::probe_cpu(os);
  return snapshot;
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

HostMemory probe_memory(Os& os) { return probe::probe_host_memory(os); }

Bytes HostMemory::contended_budget() const {
  // None at all is less than any, where somebody told.
  const bool known = available.count > 0 || !available_by.empty();
  Bytes least = known ? Bytes{std::min(available.count, kUnknownMemory.count) + ours.count} : kUnknownMemory;
  for (const MemoryLimit& limit : limits) {
    if (limit.contended) least = std::min(least, limit.budget);
  }
  return least;
}

}  // namespace plimsoll
