#include "platform/thread_pool.h"

#include <thread>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace plimsoll {
namespace {

// About 50 microseconds: longer than the gap between two steps of a pass, far shorter than a scheduler slice.
constexpr int kSpins = 2000;

constexpr int kMostThreads = 1 << 16;

// In ThreadPool::inside_, above the number of workers within the loop: others may still enter.
constexpr std::uint32_t kOpen = 1U << 31U;

void pause_briefly() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

// Waits until `value` differs from `old`: first spinning, then asleep.
template <typename T>
void wait_while_equal(std::atomic<T>& value, T old) {
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause_briefly();
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

Status check_threads(int threads, const std::string& where) {
  if (threads >= 1 && threads <= kMostThreads) return {};
  return Error{ErrorCode::usage, "threads are given as " + std::to_string(threads), where, "give 1 to " + std::to_string(kMostThreads)};
}

Result<std::unique_ptr<ThreadPool>> ThreadPool::create(Os& os, int threads) {
  PLIMSOLL_CHECK(check_threads(threads, "threads"));
  auto pool = std::unique_ptr<ThreadPool>(new ThreadPool());
  pool->workers_.reserve(static_cast<std::size_t>(threads));
  for (int worker = 1; worker < threads; ++worker) {
    auto thread = os.start_thread([self = pool.get(), worker] { self->worker_main(worker); });
    if (!thread.ok()) break;
    pool->workers_.push_back(std::move(thread).value());
  }
  return pool;
}

ThreadPool::~ThreadPool() {
  stop_.store(true);
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  workers_.clear();  // joins them while the counters that they read still live
}

void ThreadPool::run_erased(std::int64_t items, void* context, Call call) {
  if (items <= 0) return;
  if (workers_.empty() || items == 1) {
    for (std::int64_t item = 0; item < items; ++item) call(context, 0, item);
    return;
  }
  call_ = call;
  context_ = context;
  items_ = items;
  next_.store(0, std::memory_order_relaxed);
  inside_.store(kOpen, std::memory_order_release);
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  work(0);
  for (std::uint32_t inside = inside_.fetch_sub(kOpen, std::memory_order_acq_rel) - kOpen; inside != 0;
       inside = inside_.load(std::memory_order_acquire))
    wait_while_equal(inside_, inside);
}

// What the loop reads was written before it was opened, and is not written again before all who entered have left.
bool ThreadPool::enter() {
  std::uint32_t inside = inside_.load(std::memory_order_relaxed);
  while ((inside & kOpen) != 0) {
    if (inside_.compare_exchange_weak(inside, inside + 1, std::memory_order_acquire, std::memory_order_relaxed)) return true;
  }
  return false;
}

void ThreadPool::leave() {
  if (inside_.fetch_sub(1, std::memory_order_release) == 1) inside_.notify_one();
}

void ThreadPool::work(int worker) {
  for (;;) {
    const std::int64_t item = next_.fetch_add(1, std::memory_order_relaxed);
    if (item >= items_) break;
    call_(context_, worker, item);
  }
  while (spare_ != nullptr && spare_->do_one()) continue;
}

void ThreadPool::offer(SpareWork& work) {
  if (spare_ == nullptr) spare_ = &work;
}

void ThreadPool::finish(SpareWork& work) {
  withdraw(work);
  run(work.left(), [&](int, std::int64_t) { work.do_one(); });
}

void ThreadPool::withdraw(const SpareWork& work) {
  if (spare_ == &work) spare_ = nullptr;
}

void ThreadPool::worker_main(int worker) {
  std::uint32_t seen = 0;
  for (;;) {
    wait_while_equal(epoch_, seen);
    seen = epoch_.load(std::memory_order_acquire);
    if (stop_.load()) return;
    if (!enter()) continue;
    work(worker);
    leave();
  }
}

}  // namespace plimsoll
