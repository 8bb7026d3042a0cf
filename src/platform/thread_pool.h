#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include <plimsoll/os.h>

namespace plimsoll {

/// A fixed team of threads that runs one parallel loop at a time. The calling thread takes part as worker 0, so a
/// pool of one starts no thread. Idle workers spin for some microseconds and then sleep. All memory is acquired in
/// `create`; `run` neither allocates nor fails. Used by one thread at a time.
class ThreadPool {
 public:
  /// Fewer than `threads` workers are made, never none, when the system refuses some. `threads` >= 1.
  static Result<std::unique_ptr<ThreadPool>> create(Os& os, int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls body(worker, item) once for every item in [0, items), in any order, on any worker; returns when all are
  /// done. `body` must not throw and must not call `run`.
  template <typename Body>
  void run(std::int64_t items, Body&& body) {
    void* erased = const_cast<void*>(static_cast<const void*>(std::addressof(body)));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    run_erased(items, erased,
               [](void* context, int worker, std::int64_t item) { (*static_cast<std::remove_reference_t<Body>*>(context))(worker, item); });
  }

 private:
  using Call = void (*)(void* context, int worker, std::int64_t item);

  ThreadPool() = default;
  void run_erased(std::int64_t items, void* context, Call call);
  void work(int worker);
  void worker_main(int worker);

  std::vector<std::unique_ptr<Thread>> workers_;
  Call call_ = nullptr;
  void* context_ = nullptr;
  std::int64_t items_ = 0;
  alignas(64) std::atomic<std::int64_t> next_{0};
  alignas(64) std::atomic<std::uint32_t> epoch_{0};
  alignas(64) std::atomic<int> busy_{0};
  std::atomic<bool> stop_{false};
};

}  // namespace plimsoll
