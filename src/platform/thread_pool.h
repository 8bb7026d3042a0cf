#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <plimsoll/os.h>

namespace plimsoll {

/// Work that can wait for threads with nothing else to do: `items` pieces, each done once. Made and kept by who offers it.
class SpareWork {
 public:
  using Call = void (*)(void* context, std::int64_t item);

  /// What `body(item)` does is done in pieces from here on; `body` outlives them.
  template <typename Body>
  void begin(std::int64_t items, Body& body) {
    context_ = static_cast<void*>(std::addressof(body));
    call_ = [](void* context, std::int64_t item) { (*static_cast<Body*>(context))(item); };
    items_ = items;
    next_.store(0, std::memory_order_relaxed);
  }

  /// Does one piece that nobody began; false: none is left.
  bool do_one() {
    if (next_.load(std::memory_order_relaxed) >= items_) return false;
    const std::int64_t item = next_.fetch_add(1, std::memory_order_relaxed);
    if (item >= items_) return false;
    call_(context_, item);
    return true;
  }

  /// Pieces that nobody began. Only while no loop runs.
  std::int64_t left() const { return std::max<std::int64_t>(items_ - next_.load(std::memory_order_relaxed), 0); }

 private:
  Call call_ = nullptr;
  void* context_ = nullptr;
  std::int64_t items_ = 0;
  alignas(64) std::atomic<std::int64_t> next_{0};
};

/// `usage`, naming `where` they were given, for numbers of threads that no machine has.
Status check_threads(int threads, const std::string& where);

/// A fixed team of threads that runs one parallel loop at a time. The calling thread takes part as worker 0, so a
/// pool of one starts no thread. Idle workers spin for some microseconds and then sleep. Nobody waits for a worker that
/// has not begun: where other programs keep the cores busy, a loop ends without the workers that the system left waiting.
/// All memory is acquired in `create`; `run` neither allocates nor fails. Used by one thread at a time.
class ThreadPool {
 public:
  /// Fewer than `threads` workers are made, never none, when the system refuses some. Fails as `check_threads`.
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

  /// Workers that find no item left in a loop take pieces of `work`, until `finish`, which is called in any case before `work` dies. One
  /// at a time: while another is on offer, this is not.
  void offer(SpareWork& work);

  /// All pieces of `work` are done when it returns, and it is no longer on offer.
  void finish(SpareWork& work);

  /// `work` is no longer on offer; pieces that nobody began stay undone.
  void withdraw(const SpareWork& work);

 private:
  using Call = void (*)(void* context, int worker, std::int64_t item);

  ThreadPool() = default;
  void run_erased(std::int64_t items, void* context, Call call);
  void work(int worker);
  bool enter();
  void leave();
  void worker_main(int worker);

  std::vector<std::unique_ptr<Thread>> workers_;
  Call call_ = nullptr;
  void* context_ = nullptr;
  std::int64_t items_ = 0;
  SpareWork* spare_ = nullptr;
  alignas(64) std::atomic<std::int64_t> next_{0};
  alignas(64) std::atomic<std::uint32_t> epoch_{0};   // counts the loops: what idle workers watch
  alignas(64) std::atomic<std::uint32_t> inside_{0};  // workers within the loop, and whether it is open to more
  std::atomic<bool> stop_{false};
};

}  // namespace plimsoll
