#pragma once

#include <atomic>

#pragma GCC visibility push(default)

namespace plimsoll {

/// Set from any thread (or a signal handler) to stop at the next step; the call in progress then fails with `cancelled`.
class CancelToken {
 public:
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
};

}  // namespace plimsoll

#pragma GCC visibility pop
