#pragma once

#include <array>
#include <cstdint>
#include <mutex>

namespace plimsoll::sim {

/// What a script can make fail: an allocation, a copy, the launch of a step, a question after the memory,
/// the pinning of the host's memory.
enum class Fault : std::uint8_t { alloc, copy, launch, query, pin };
inline constexpr std::size_t kFaults = 5;

/// Counts what may fail and tells which one does. One fault of each kind is armed at a time. Any thread.
class Faults {
 public:
  /// The `ordinal`-th `fault` from now on fails (1 is the next), and all that follow if `persistent`.
  void arm(Fault fault, std::uint64_t ordinal, bool persistent) {
    const std::scoped_lock lock(mutex_);
    armed_[static_cast<std::size_t>(fault)] = {ordinal, persistent};
  }

  /// Whether this one fails. Asked once for each.
  bool strikes(Fault fault) {
    const std::scoped_lock lock(mutex_);
    Armed& armed = armed_[static_cast<std::size_t>(fault)];
    if (armed.left == 0) return false;
    if (armed.left > 1) {
      --armed.left;
      return false;
    }
    if (!armed.persistent) armed.left = 0;
    return true;
  }

 private:
  struct Armed {
    std::uint64_t left = 0;  ///< 0: none
    bool persistent = false;
  };
  std::mutex mutex_;
  std::array<Armed, kFaults> armed_;
};

}  // namespace plimsoll::sim
