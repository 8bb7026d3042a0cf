#include "device/cpu/peak.h"

#include <algorithm>
#include <atomic>

#include "device/cpu/dispatch.h"

namespace plimsoll {
namespace {

double seconds(std::chrono::nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

/// Runs body(worker) once on every thread of the pool at the same time: nobody begins before all have arrived.
template <typename Body>
void on_every_thread(ThreadPool& pool, Body&& body) {
  const int threads = pool.threads();
  std::atomic<int> arrived{0};
  pool.run(threads, [&](int, std::int64_t) {
    arrived.fetch_add(1);
    while (arrived.load() < threads) {}
    body();
  });
}

}  // namespace

double measure_peak_flops(ThreadPool& pool, Os& os, CpuFeatures features, ElementType type, std::chrono::nanoseconds duration) {
  const cpu::KernelTable* table = cpu::kernels_for(features);
  if (table == nullptr) return 0;
  const auto loop = type == ElementType::float32 ? table->peak_float32 : type == ElementType::bfloat16 ? table->peak_bfloat16 : nullptr;
  if (loop == nullptr) return 0;
  constexpr std::int64_t kRounds = 20000;
  std::atomic<std::int64_t> total{0};
  on_every_thread(pool, [&] {
    double best = 0;
    const auto begin = os.now();
    do {
      const auto start = os.now();
      const double operations = loop(kRounds);
      best = std::max(best, operations / seconds(std::max(os.now() - start, std::chrono::nanoseconds(1))));
    } while (os.now() - begin < duration);
    total.fetch_add(static_cast<std::int64_t>(best));
  });
  return static_cast<double>(total.load());
}

double measure_read_bandwidth(ThreadPool& pool, Os& os, CpuFeatures features, std::span<const std::byte> buffer,
                              std::chrono::nanoseconds duration) {
  const cpu::KernelTable* table = cpu::kernels_for(features);
  constexpr std::int64_t kPart = 1 << 20;
  const auto parts = static_cast<std::int64_t>(buffer.size()) / kPart;
  if (table == nullptr || parts == 0) return 0;
  std::atomic<float> sink{0};
  double best = 0;
  const auto begin = os.now();
  do {
    const auto start = os.now();
    pool.run(parts, [&](int, std::int64_t i) { sink.store(table->read(buffer.data() + i * kPart, kPart), std::memory_order_relaxed); });
    best = std::max(best, static_cast<double>(parts * kPart) / seconds(std::max(os.now() - start, std::chrono::nanoseconds(1))));
  } while (os.now() - begin < duration);
  return best;
}

}  // namespace plimsoll
