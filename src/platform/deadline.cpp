#include "platform/deadline.h"

namespace plimsoll {

Deadline::Deadline(std::chrono::milliseconds from_now) : moment_(std::chrono::steady_clock::now() + from_now) {}

bool Deadline::wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock) const {
  return changed.wait_until(lock, moment_) == std::cv_status::no_timeout;
}

}  // namespace plimsoll
