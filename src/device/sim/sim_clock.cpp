#include "device/sim/sim_clock.h"

namespace plimsoll {

double SimClock::run(SimQueue queue, double earliest, double seconds) {
  double& free_at = free_at_[static_cast<std::size_t>(queue)];
  free_at = std::max(free_at, earliest) + seconds;
  busy_[static_cast<std::size_t>(queue)] += seconds;
  return free_at;
}

double SimClock::copy_seconds(Bytes size, bool pageable) const {
  const double rate = pageable ? rates_.pageable : rates_.link;
  return rates_.latency + static_cast<double>(size.count) / rate * link_factor_;
}

double SimClock::step_seconds(double flops) const { return rates_.latency + flops / rates_.compute * compute_factor_; }

double SimClock::read_seconds(Bytes size) const { return static_cast<double>(size.count) / rates_.disk * disk_factor_; }

}  // namespace plimsoll
