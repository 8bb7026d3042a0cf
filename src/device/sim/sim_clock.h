#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include <plimsoll/bytes.h>

#include "device/sim/sim_spec.h"

namespace plimsoll {

/// What works at the same time: each queue does one thing after the other.
enum class SimQueue : std::uint8_t { disk, link_up, link_down, compute };
inline constexpr std::size_t kSimQueues = 4;

/// Virtual seconds. Work on a queue begins when the queue is free and everything it waits for is done, and no earlier than the host asked
/// for it; the host's own time moves when it waits. A discrete-event simulation, computed as the work happens.
class SimClock {
 public:
  explicit SimClock(const SimRates& rates) : rates_(rates) {}

  double host() const { return host_; }
  /// The host has waited until `seconds`, or past it.
  void host_waits(double seconds) { host_ = std::max(host_, seconds); }

  /// Does work of `seconds` that may begin at `earliest`. Gives the time of its end.
  double run(SimQueue queue, double earliest, double seconds);

  double copy_seconds(Bytes size, bool pageable = false) const;
  double step_seconds(double flops) const;
  double read_seconds(Bytes size) const;
  /// How long a part takes, in multiples of what the rates say: 1 at first.
  void slow_link(double factor) { link_factor_ = factor; }
  void slow_compute(double factor) { compute_factor_ = factor; }
  void slow_disk(double factor) { disk_factor_ = factor; }

  /// Seconds that a queue has worked so far.
  double busy(SimQueue queue) const { return busy_[static_cast<std::size_t>(queue)]; }

 private:
  SimRates rates_;
  double link_factor_ = 1;
  double compute_factor_ = 1;
  double disk_factor_ = 1;
  double host_ = 0;
  std::array<double, kSimQueues> free_at_{};
  std::array<double, kSimQueues> busy_{};
};

}  // namespace plimsoll
