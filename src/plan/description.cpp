#include "plan/description.h"

#include "device/cpu/cpu_device.h"

namespace plimsoll {

Bytes cpu_runtime_allowance(int threads) {
  // Measured: the command's own data and heap, plus what each thread's stack and allocator keep.
  return kib(4096) + kib(256) * static_cast<std::uint64_t>(threads);
}

DeviceDescription describe_cpu(const Snapshot& machine) {
  DeviceDescription device;
  device.name = "cpu";
  device.total = machine.memory.total;
  device.free = machine.memory.budget;
  device.threads = machine.cpu.default_threads;
  device.isa = machine.cpu.isa;
  device.native_bfloat16 = machine.cpu.native_bfloat16;
  device.float32_flops = machine.rates.float32_flops;
  device.bfloat16_flops = machine.rates.bfloat16_flops;
  device.memory_rate = machine.rates.memory_read;
  device.disk_rate = machine.rates.disk_read;
  device.step_seconds = 10e-6;
  device.workspace_bytes = &cpu_workspace_bytes;
  device.runtime = cpu_runtime_allowance(device.threads);
  return device;
}

}  // namespace plimsoll
