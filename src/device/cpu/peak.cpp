#include "device/cpu/peak.h"

#include <algorithm>
#include <atomic>

#include "device/cpu/dispatch.h"

namespace plimsoll {
namespace {

// So many in a row that took no time: the clock stands still, and the time that was asked for is never over.
constexpr int kStillLoops = 1000;
constexpr int kStillSweeps = 50;

/// `work` a second; zero where the clock stood still or went back.
double rate(double work, std::chrono::nanoseconds duration) {
  return duration.count() > 0 ? work / std::chrono::duration<double>(duration).count() : 0;
}

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
    int still = 0;
    do {
      const auto start = os.now();
      const double operations = loop(kRounds);
      const auto took = os.now() - start;
      still = took.count() > 0 ? 0 : still + 1;
      best = std::max(best, rate(operations, took));
    } while (os.now() - begin < duration && still < kStillLoops);
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
  int still = 0;
  do {
    const auto start = os.now();
    pool.run(parts, [&](int, std::int64_t i) { sink.store(table->read(buffer.data() + i * kPart, kPart), std::memory_order_relaxed); });
    const auto took = os.now() - start;
    still = took.count() > 0 ? 0 : still + 1;
    best = std::max(best, rate(static_cast<double>(parts * kPart), took));
  } while (os.now() - begin < duration && still < kStillSweeps);
  return best;
}

}  // namespace plimsoll
