// The files of /proc, /sys and the cgroups by the marks of files.h: what is made of them.
#include <plimsoll/machine.h>

#include "files.h"
#include "probe/rates.h"
#include "support/fake_os.h"
#include "target.h"

namespace plimsoll::fuzz {
namespace {

void check_memory(const HostMemory& memory) {
  require(!memory.set_by.empty(), "a budget was set by something");
  for (const MemoryLimit& limit : memory.limits) {
    require(limit.budget <= limit.limit && memory.budget <= limit.budget, "the budget is the least of all");
    require(!limit.set_by.empty(), "a limit has a name");
  }
  require(memory.contended_budget() >= memory.budget, "what others can take is no less than the budget");
}

void check_cpu(const CpuDescription& cpu) {
  require(cpu.default_threads >= 1 && cpu.default_threads <= cpu.logical, "as many threads as processors");
  require(!cpu.quota || *cpu.quota >= 1, "a quota is a processor at least");
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plimsoll;
  testing::FakeOs os;
  os.files = fuzz::read_files(fuzz::text_of(data, size));
  const auto machine = probe_machine(os);
  if (!fuzz::good(machine)) return 0;
  fuzz::check_memory(machine->memory);
  fuzz::check_cpu(machine->cpu);
  const auto pressure = probe_pressure(os);
  fuzz::require(!pressure || (pressure->some >= 0 && pressure->some <= 100), "a share is one");
  fuzz::require(!probe::find_mount(os, "/home/models").empty(), "a mount has a name");
  for (const Holder& holder : find_largest_holders(os))
    fuzz::require(holder.pid >= 0 && holder.bytes.count > 0, "a holder holds something");
  return 0;
}
