#include "platform/deadline_caller.h"

#include <condition_variable>
#include <mutex>
#include <new>
#include <utility>

#include "platform/deadline.h"

namespace plimsoll {

/// Owned by the caller and by its thread, whichever lasts longer.
struct DeadlineCaller::Worker {
  std::mutex mutex;
  std::condition_variable changed;
  std::function<void()> job;  // empty: nothing to do
  bool busy = false;
  bool no_memory = false;  // for the last job
  bool stop = false;

  void serve() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return stop || job; });
      if (!job) return;
      std::function<void()> next = std::exchange(job, nullptr);
      lock.unlock();
      const bool made = run(next);
      next = nullptr;  // what it owns goes before the asker goes on
      lock.lock();
      no_memory = !made;
      busy = false;
      changed.notify_all();
    }
  }

  static bool run(const std::function<void()>& job) try {
    job();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }

  void end() {
    const std::scoped_lock lock(mutex);
    stop = true;
    changed.notify_all();
  }

  bool is_busy() {
    const std::scoped_lock lock(mutex);
    return busy;
  }
};

DeadlineCaller::~DeadlineCaller() {
  if (worker_) worker_->end();
}

bool DeadlineCaller::start() {
  if (worker_) return true;
  if (stuck() >= kMostStuck) return false;
  left_.reserve(kMostStuck);  // once a call is late, nothing may fail
  auto worker = std::make_shared<Worker>();
  auto thread = os_.start_thread([worker] { worker->serve(); });
  if (!thread.ok()) return false;
  worker_ = std::move(worker);
  thread_ = std::move(thread).value();
  return true;
}

void DeadlineCaller::leave_behind() {
  worker_->end();
  left_.push_back(std::move(worker_));
  thread_->detach();
  thread_.reset();
}

std::size_t DeadlineCaller::stuck() {
  std::erase_if(left_, [](const std::shared_ptr<Worker>& worker) { return !worker->is_busy(); });
  return left_.size();
}

DeadlineCaller::Outcome DeadlineCaller::call(std::function<void()> job, std::chrono::milliseconds patience) {
  if (!start()) return Outcome::not_made;
  const Deadline deadline(patience);
  {
    std::unique_lock lock(worker_->mutex);
    worker_->job = std::move(job);
    worker_->busy = true;
    worker_->changed.notify_all();
    while (worker_->busy && deadline.wait(worker_->changed, lock)) continue;
    if (!worker_->busy) return worker_->no_memory ? Outcome::no_memory : Outcome::done;
  }
  leave_behind();
  return Outcome::late;
}

}  // namespace plimsoll
