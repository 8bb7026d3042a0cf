#include "plan/candidates/description.h"

#include "device/cpu/cpu_kernels.h"
#include "device/cuda/cuda_figures.h"

namespace plimsoll {

namespace {

// What the allowance of a label has room for; a longer name is held by the config, the model and an answer's text.
constexpr std::uint64_t kShortName = 32;
constexpr std::uint64_t kCopiesOfName = 8;

constexpr std::uint64_t kOpBytes = 1536;

// What a direct read costs beside its bytes, two at a time (tests/stream/read_rates.cpp: 195 us of 512 KiB, 1.26 ms of 4 MiB).
constexpr double kReadSeconds = 50e-6;

// Steps of an accelerator are told by their arithmetic alone; its memory is not what slows it.
constexpr double kAcceleratorMemoryRate = 1e15;

// What is read once has two steps; a vector is one read.
constexpr std::uint64_t kReadBytes = 40;

std::uint64_t schedule_bytes(const Program& program) {
  std::uint64_t bytes = 0;
  for (const Weight& weight : program.weights) {
    const std::uint64_t each = weight.role == WeightRole::matrix ? kChunkBytes : kReadBytes;
    for (const WeightPart& part : weight.parts) {
      const std::int64_t panels = weight.role == WeightRole::vector ? 1 : (part.rows + kPanelOutputs - 1) / kPanelOutputs;
      bytes += static_cast<std::uint64_t>(panels) * each;
    }
  }
  return bytes;
}

}  // namespace

Bytes name_bytes(const std::vector<std::string>& names) {
  Bytes sum;
  for (const std::string& name : names) sum += Bytes{name.size()};
  return sum;
}

Bytes cpu_runtime_allowance(int threads, const Program& program, Bytes label_names) {
  const auto labels =
      program.logits == kNone ? 0 : static_cast<std::uint64_t>(program.values[static_cast<std::size_t>(program.logits)].cols);
  const Bytes long_names = saturating_sub(label_names, Bytes{kShortName} * labels);
  return round_to_pages(kib(768) + kib(32) * static_cast<std::uint64_t>(threads) + Bytes{kOpBytes} * program.op_count() +
                        Bytes{schedule_bytes(program)} + Bytes{256} * labels + long_names * kCopiesOfName);
}

DeviceDescription describe_cpu(const Snapshot& machine, const Program& program, Bytes label_names) {
  DeviceDescription device;
  device.name = "cpu";
  device.total = machine.memory.total;
  device.free = machine.memory.budget;
  device.free_set_by = machine.memory.set_by;
  device.threads = machine.cpu.default_threads;
  device.isa = machine.cpu.isa;
  device.native_bfloat16 = machine.cpu.native_bfloat16;
  device.float32_flops = machine.rates.float32_flops;
  device.bfloat16_flops = machine.rates.bfloat16_flops;
  device.memory_rate = machine.rates.memory_read;
  device.disk_rate = machine.rates.disk_read;
  device.read_seconds = kReadSeconds;
  const Rates& rates = machine.rates;
  device.rates_source =
      rates.disk_source.empty() || rates.disk_source == rates.source ? rates.source : rates.source + ", the disk's: " + rates.disk_source;
  device.step_seconds = 10e-6;
  device.workspace_bytes = &cpu_workspace_bytes;
  device.runtime = cpu_runtime_allowance(device.threads, program, label_names) + round_to_pages(machine.held);
  for (const Accelerator& accelerator : machine.accelerators)
    if (accelerator.computes_on_host) device.runtime += simulated_device_bytes(device.threads);
  return device;
}

DeviceDescription describe_accelerator(const Snapshot& machine, const Accelerator& accelerator) {
  DeviceDescription device;
  device.name = accelerator.name;
  device.total = accelerator.total;
  device.free = accelerator.free;
  device.free_set_by = accelerator.free_set_by;
  device.threads = machine.cpu.default_threads;
  device.isa = machine.cpu.isa;
  device.native_bfloat16 = accelerator.native_bfloat16;
  device.float32_flops = accelerator.float32_flops;
  device.bfloat16_flops = accelerator.bfloat16_flops;
  device.memory_rate = kAcceleratorMemoryRate;
  device.disk_rate = accelerator.disk_rate;
  device.link_rate = accelerator.link_rate;
  device.rates_source = "given";
  device.step_seconds = accelerator.latency;
  device.workspace_bytes = accelerator.computes_on_host ? &cpu_workspace_bytes : &cuda_workspace_bytes;
  device.packs_weights = accelerator.computes_on_host;
  return device;
}

}  // namespace plimsoll
