#include <plimsoll/device.h>

#include "device/cpu/isa.h"
#include "device/sim/sim_device.h"
#include "platform/thread_pool.h"

namespace plimsoll {

struct OpenDevice::State {
  explicit State(std::string_view name) : ledger(std::string(name), kUnknownMemory) {}

  CpuFeatures features;
  std::unique_ptr<ThreadPool> pool;
  std::unique_ptr<SimDevice> device;  // before what it runs on
  Ledger ledger;
};

OpenDevice::OpenDevice(std::unique_ptr<State> state) : state_(std::move(state)) {}
OpenDevice::~OpenDevice() = default;

Result<std::unique_ptr<OpenDevice>> OpenDevice::simulate(Os& os, std::string_view name, std::string_view spec, int threads) {
  auto state = std::make_unique<State>(name);
  SimDevice::Options options;
  PLIMSOLL_TRY(options.spec, parse_sim_spec(spec));
  PLIMSOLL_TRY(state->pool, ThreadPool::create(os, threads));
  options.os = &os;
  options.pool = state->pool.get();
  PLIMSOLL_TRY(state->features, cap_cpu_features(detect_cpu_features(), os.environment("PLIMSOLL_ISA").value_or("")));
  options.features = state->features;
  options.name = std::string(name);
  PLIMSOLL_TRY(state->device, SimDevice::create(std::move(options)));
  return std::unique_ptr<OpenDevice>(new OpenDevice(std::move(state)));
}

Result<Accelerator> OpenDevice::describe() {
  const SimDevice& device = *state_->device;
  PLIMSOLL_TRY(const DeviceMemoryState memory, state_->device->memory());
  const SimRates& rates = device.spec().rates;
  Accelerator accelerator;
  accelerator.name = device.name();
  accelerator.total = memory.total;
  accelerator.free = memory.free;
  accelerator.free_set_by = "what is free of it";
  accelerator.native_bfloat16 = state_->features.native_bfloat16;
  accelerator.float32_flops = rates.compute;
  accelerator.bfloat16_flops = accelerator.native_bfloat16 ? rates.compute : 0;
  accelerator.link_rate = rates.link;
  accelerator.disk_rate = rates.disk;
  accelerator.latency = rates.latency;
  accelerator.computes_on_host = true;
  return accelerator;
}

Result<Bytes> OpenDevice::available() {
  PLIMSOLL_TRY(const DeviceMemoryState memory, state_->device->memory());
  return memory.free + saturating_sub(memory.ours, memory.context);
}

Ledger& OpenDevice::ledger() { return state_->ledger; }
double OpenDevice::seconds() const { return state_->device->seconds(); }
Device& OpenDevice::device() { return *state_->device; }

}  // namespace plimsoll
