#include <plimsoll/measure.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "device/cpu/isa.h"
#include "device/cpu/peak.h"
#include "platform/thread_pool.h"
#include "probe/measure_disk.h"
#include "probe/rates.h"
#include "probe/rates_cache.h"

namespace plimsoll {
namespace {

// Many times the last-level cache that one core can claim.
constexpr Bytes kBandwidthBuffer = mib(256);
// Less than this says more about the caches than about the memory.
constexpr Bytes kLeastBandwidthBuffer = mib(16);

// What products of a pass reach of the register-only peak: the planner's rates are about work, not about instructions.
constexpr double kShareOfPeak = 0.85;

Result<CpuFeatures> chosen_features(Os& os) { return cap_cpu_features(detect_cpu_features(), os.environment("PLIMSOLL_ISA").value_or("")); }

// A quarter of what this process may still take: measuring must not push anybody out.
Bytes bandwidth_buffer(const HostMemory& memory) {
  return std::min(kBandwidthBuffer, Bytes{saturating_sub(memory.budget, memory.ours).count / 4});
}

Result<double> measure_memory(Os& os, ThreadPool& pool, CpuFeatures features, Bytes size) {
  PLIMSOLL_TRY(const std::unique_ptr<Mapping> buffer, os.map_memory(size));
  std::memset(buffer->bytes().data(), 1, buffer->bytes().size());
  return measure_read_bandwidth(pool, os, features, buffer->bytes());
}

MachinePeak peak_of(Os& os, ThreadPool& pool, CpuFeatures features) {
  return {measure_peak_flops(pool, os, features, ElementType::float32), measure_peak_flops(pool, os, features, ElementType::bfloat16)};
}

void remember(Os& os, const Snapshot& machine, Rates& rates, const std::string& file) {
  probe::RatesCache cache = probe::read_rates_cache(os);
  // The rates are the machine's, not those of an hour in which others used it too: the best that was seen counts.
  probe::ComputeRates& best = cache.compute[probe::compute_key(machine.cpu, rates.threads)];
  best.float32_flops = std::max(best.float32_flops, rates.float32_flops);
  best.bfloat16_flops = std::max(best.bfloat16_flops, rates.bfloat16_flops);
  // A small buffer may have stayed in the caches, and a rate that was not measured is the table's.
  const bool known = best.memory_read > 0;
  if (!known || bandwidth_buffer(machine.memory) == kBandwidthBuffer) best.memory_read = std::max(best.memory_read, rates.memory_read);
  if (rates.disk_source == "measured") {
    double& disk = cache.disk[probe::find_mount(os, file)];
    disk = std::max(disk, rates.disk_read);
  }
  if (const Status written = probe::write_rates_cache(os, cache); !written.ok()) rates.cache_fault = message(written.error());
}

}  // namespace

Result<Snapshot> describe_machine(Os& os, int threads, const std::string& folder) try {
  if (threads > 0) PLIMSOLL_CHECK(check_threads(threads, "threads"));
  PLIMSOLL_TRY(const CpuFeatures features, chosen_features(os));
  PLIMSOLL_TRY(Snapshot machine, probe_machine(os));
  machine.cpu.isa = cpu_features_name(features);
  machine.cpu.native_bfloat16 = features.native_bfloat16;
  if (threads > 0) machine.cpu.default_threads = threads;
  machine.rates = find_rates(os, machine.cpu, machine.cpu.default_threads, folder);
  return machine;
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

Result<MachinePeak> measure_peak(Os& os, const Snapshot& machine) try {
  PLIMSOLL_TRY(const CpuFeatures features, chosen_features(os));
  PLIMSOLL_TRY(const std::unique_ptr<ThreadPool> pool, ThreadPool::create(os, machine.cpu.default_threads));
  return peak_of(os, *pool, features);
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

Result<Rates> measure_rates(Os& os, const Snapshot& machine, const std::string& file) try {
  PLIMSOLL_TRY(const CpuFeatures features, chosen_features(os));
  PLIMSOLL_TRY(const std::unique_ptr<ThreadPool> pool, ThreadPool::create(os, machine.cpu.default_threads));
  const MachinePeak peak = peak_of(os, *pool, features);
  if (peak.float32_flops <= 0)
    return Error{ErrorCode::io, "cannot measure rates while the clock stands still", {}, "run without a faked clock"};
  Rates rates = machine.rates;
  rates.float32_flops = kShareOfPeak * peak.float32_flops;
  rates.bfloat16_flops = kShareOfPeak * peak.bfloat16_flops;
  rates.threads = pool->threads();
  rates.source = "measured";
  if (const Bytes buffer = bandwidth_buffer(machine.memory); buffer >= kLeastBandwidthBuffer) {
    PLIMSOLL_TRY(const double read, measure_memory(os, *pool, features, buffer));
    if (read > 0) rates.memory_read = read;
  }
  if (!file.empty()) {
    if (const auto disk = probe::measure_disk_read(os, file); disk.ok()) {
      rates.disk_read = *disk;
      rates.disk_source = "measured";
    }
  }
  remember(os, machine, rates, file);
  return rates;
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

}  // namespace plimsoll
