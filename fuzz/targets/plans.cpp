#include "plans.h"

#include <cmath>

namespace plimsoll::fuzz {

Snapshot paper_machine(Bytes budget) {
  Snapshot machine;
  machine.memory.total = mib(1024);
  machine.memory.budget = budget;
  machine.cpu.isa = "avx2";
  machine.cpu.default_threads = 2;
  machine.rates.float32_flops = 1e11;
  machine.rates.memory_read = 1e10;
  machine.rates.disk_read = 1e9;
  return machine;
}

Accelerator paper_accelerator(std::string name, Bytes memory) {
  Accelerator accelerator;
  accelerator.computes_on_host = true;
  accelerator.name = std::move(name);
  accelerator.total = accelerator.free = memory;
  accelerator.free_set_by = "the device";
  accelerator.float32_flops = 1e12;
  accelerator.link_rate = 12e9;
  accelerator.disk_rate = 2e9;
  accelerator.latency = 10e-6;
  return accelerator;
}

void check(const Plan& plan) {
  require(plan.pass_seconds > 0 && std::isfinite(plan.pass_seconds) && std::isfinite(plan.load_seconds), "a plan takes time");
  require(plan.tokens_per_pass >= plan.workload.longest && plan.texts_per_pass > 0, "a pass holds the longest text");
  if (plan.verdict == Verdict::does_not_fit) return check(does_not_fit(plan));
  for (const DevicePlan& device : plan.devices) require(device.planned_total() <= device.budget, "a plan that fits is within its budget");
}

}  // namespace plimsoll::fuzz
