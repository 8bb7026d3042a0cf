#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace plimsoll {

/// A moment in the near future, for waits that must end. Other rooms wait with it, so that none of them reads the clock.
class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds from_now);

  /// Waits until `changed` is notified, for no reason, or until the deadline: false once that has passed. `lock` is held before and after.
  bool wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock) const;

 private:
  std::chrono::steady_clock::time_point moment_;
};

}  // namespace plimsoll
