#include "process/pressure_rule.h"

#include <algorithm>
#include <utility>

namespace plimsoll::cli {

bool PressureRule::look(double waited, Bytes planned) {
  ++since_;
  calm_ = waited <= kCalm ? calm_ + 1 : 0;
  if (calm_ >= kCalmLooks) {
    steps_ = 0;
    return std::exchange(most_, kUnlimited) != kUnlimited;
  }
  if (waited < kTense || since_ <= kPatience || steps_ == kMostSteps) return false;
  const Bytes wanted = std::max(smallest_(), saturating_sub(planned, Bytes{planned.count / kStepShare}));
  if (wanted >= planned) return false;
  most_ = wanted;
  since_ = 0;
  ++steps_;
  return true;
}

}  // namespace plimsoll::cli
