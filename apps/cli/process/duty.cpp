#include "process/duty.h"

namespace plimsoll::cli {

void Duty::attend() {
  if (!act_ || inside_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + kPause;
  inside_ = true;
  act_();
  inside_ = false;
}

}  // namespace plimsoll::cli
