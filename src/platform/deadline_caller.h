#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include <plimsoll/os.h>

namespace plimsoll {

/// Makes calls that may never return, such as those of a driver that hangs. They run, one after the other, on one thread, which is
/// started with the first; a call that is late keeps that thread for itself, and the next call gets a new one. One thread at a time asks.
class DeadlineCaller {
 public:
  /// Threads that are stuck at once; while they are, no further call is made.
  static constexpr std::size_t kMostStuck = 4;

  enum class Outcome : std::uint8_t {
    done,
    late,       ///< it has not returned; whether it ever will is unknown
    not_made,   ///< no thread for it, or too many are stuck
    no_memory,  ///< it threw std::bad_alloc
  };

  /// `os` outlives the caller, and its gate outlives the threads that are left behind.
  explicit DeadlineCaller(Os& os) : os_(os) {}
  DeadlineCaller(const DeadlineCaller&) = delete;
  DeadlineCaller& operator=(const DeadlineCaller&) = delete;
  /// Waits for no call: a stuck one goes on by itself.
  ~DeadlineCaller();

  /// Waits for `job` at most `patience`. As it may go on after that, it owns all that it touches. It throws nothing but
  /// std::bad_alloc.
  Outcome call(std::function<void()> job, std::chrono::milliseconds patience);

  /// Calls that were late and still are.
  std::size_t stuck();

 private:
  struct Worker;
  bool start();
  void leave_behind();

  Os& os_;
  std::shared_ptr<Worker> worker_;
  std::unique_ptr<Thread> thread_;  ///< of worker_
  std::vector<std::shared_ptr<Worker>> left_;
};

}  // namespace plimsoll
