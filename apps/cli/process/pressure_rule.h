#pragma once

#include <functional>
#include <limits>
#include <utility>

#include <plimsoll/bytes.h>

namespace plimsoll::cli {

/// What pressure adds to the figures: limits that cannot be seen, throttling below a limit, caches that others need. Where tasks wait for
/// memory although there seems to be enough, some of ours is given back, a step at a time, ahead of those who kill for the same sign
/// (systemd-oomd, oomd). Where some steps bring no relief, pressure is not ours to relieve, and is ignored until it has gone.
class PressureRule {
 public:
  static constexpr double kTense = 20;  ///< percent of the last ten seconds in which tasks waited
  static constexpr double kCalm = 5;
  static constexpr int kPatience = 5;    ///< looks between steps: the figure lags behind
  static constexpr int kCalmLooks = 30;  ///< before memory may be taken again
  static constexpr int kMostSteps = 4;   ///< without relief
  static constexpr int kStepShare = 8;   ///< of the plan that a step gives back

  /// `smallest`: what the session cannot do with less than, asked when a step is due. No step goes below it.
  explicit PressureRule(std::function<Bytes()> smallest) : smallest_(std::move(smallest)) {}

  /// Once a second: percent of the time that was waited, the plan's total. True when `most` has changed.
  bool look(double waited, Bytes planned);
  /// The most that the session should have.
  Bytes most() const { return most_; }

 private:
  static constexpr Bytes kUnlimited{std::numeric_limits<std::uint64_t>::max()};

  std::function<Bytes()> smallest_;
  Bytes most_ = kUnlimited;
  int since_ = 0;
  int calm_ = 0;
  int steps_ = 0;
};

}  // namespace plimsoll::cli
