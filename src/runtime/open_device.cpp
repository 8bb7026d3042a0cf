#include <plimsoll/device.h>

#include <mutex>
#include <new>

#include "device/cpu/isa.h"
#include "device/cuda/cuda_figures.h"
#include "device/cuda/open_cuda.h"
#include "device/sim/sim_device.h"
#include "platform/thread_pool.h"

namespace plimsoll {

struct OpenDevice::State {
  explicit State(std::string_view name) : ledger(std::string(name), kUnknownMemory) {}

  std::unique_ptr<ThreadPool> pool;
  std::unique_ptr<Device> device;  // before what it runs on
  SimDevice* simulated = nullptr;  // if it is
  Accelerator figures;             // all but its memory
  Ledger ledger;
  std::recursive_mutex turn;  // whose holder may make or end a session from within a callback
};

namespace {

Accelerator figures_of(const SimDevice& device, CpuFeatures features) {
  const SimRates& rates = device.spec().rates;
  Accelerator accelerator;
  accelerator.native_bfloat16 = features.native_bfloat16;
  accelerator.float32_flops = rates.compute;
  accelerator.bfloat16_flops = accelerator.native_bfloat16 ? rates.compute : 0;
  accelerator.link_rate = rates.link;
  accelerator.disk_rate = rates.disk;
  accelerator.latency = rates.latency;
  accelerator.computes_on_host = true;
  return accelerator;
}

Accelerator figures_of(const CudaTraits& traits) {
  const CudaRates rates = cuda_rates(traits);
  Accelerator accelerator;
  accelerator.native_bfloat16 = true;
  accelerator.float32_flops = rates.float32_flops;
  accelerator.bfloat16_flops = rates.bfloat16_flops;
  accelerator.link_rate = rates.link;
  accelerator.latency = rates.latency;
  return accelerator;
}

}  // namespace

OpenDevice::OpenDevice(std::unique_ptr<State> state) : state_(std::move(state)) {}
OpenDevice::~OpenDevice() = default;

Result<std::unique_ptr<OpenDevice>> OpenDevice::simulate(Os& os, std::string_view name, std::string_view spec, int threads,
                                                         const CancelToken* cancel) try {
  auto state = std::make_unique<State>(name);
  SimDevice::Options options;
  PLIMSOLL_TRY(options.spec, parse_sim_spec(spec));
  PLIMSOLL_TRY(state->pool, ThreadPool::create(os, threads));
  options.os = &os;
  options.cancel = cancel;
  options.pool = state->pool.get();
  PLIMSOLL_TRY(options.features, cap_cpu_features(detect_cpu_features(), os.environment("PLIMSOLL_ISA").value_or("")));
  const CpuFeatures features = options.features;
  options.name = std::string(name);
  PLIMSOLL_TRY(std::unique_ptr<SimDevice> device, SimDevice::create(std::move(options)));
  state->figures = figures_of(*device, features);
  state->simulated = device.get();
  state->device = std::move(device);
  return std::unique_ptr<OpenDevice>(new OpenDevice(std::move(state)));
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

Result<std::unique_ptr<OpenDevice>> OpenDevice::open_cuda(Os& os, int number, Bytes free_before) try {
  CudaOptions options;
  options.os = &os;
  options.number = number;
  options.free_before = free_before;
  PLIMSOLL_TRY(OpenedCuda opened, plimsoll::open_cuda(options));
  auto state = std::make_unique<State>(opened.device->name());
  state->figures = figures_of(opened.traits);
  state->device = std::move(opened.device);
  return std::unique_ptr<OpenDevice>(new OpenDevice(std::move(state)));
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

Result<int> OpenDevice::count_cuda(Os& os) { return plimsoll::count_cuda(os); }

Result<Accelerator> OpenDevice::describe() try {
  PLIMSOLL_TRY(const DeviceMemoryState memory, state_->device->memory());
  Accelerator accelerator = state_->figures;
  accelerator.name = state_->device->name();
  accelerator.total = memory.total;
  accelerator.free = memory.free;
  accelerator.free_set_by = "what is free of it";
  return accelerator;
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

Result<Bytes> OpenDevice::available() try {
  PLIMSOLL_TRY(const DeviceMemoryState memory, state_->device->memory());
  return memory.free + saturating_sub(memory.ours, memory.context);
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

std::vector<Holder> OpenDevice::holders() { return state_->device->holders(); }

Ledger& OpenDevice::ledger() { return state_->ledger; }
double OpenDevice::seconds() const { return state_->simulated != nullptr ? state_->simulated->seconds() : 0; }
Device& OpenDevice::device() { return *state_->device; }
std::recursive_mutex& OpenDevice::turn() { return state_->turn; }

}  // namespace plimsoll
