#include <plimsoll/machine.h>

#include "probe/cpu.h"
#include "probe/host_memory.h"

namespace plimsoll {

Result<Snapshot> probe_machine(Os& os) {
  Snapshot snapshot;
  snapshot.memory = probe::probe_host_memory(os);
  snapshot.cpu = probe::probe_cpu(os);
  return snapshot;
}

}  // namespace plimsoll
