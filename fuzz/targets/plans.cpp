#include "plans.h"

#include <cmath>

namespace plimsoll::fuzz {

void check(const Plan& plan) {
  require(plan.pass_seconds > 0 && std::isfinite(plan.pass_seconds) && std::isfinite(plan.load_seconds), "a plan takes time");
  require(plan.tokens_per_pass >= plan.workload.longest && plan.texts_per_pass > 0, "a pass holds the longest text");
  if (plan.verdict == Verdict::does_not_fit) return check(does_not_fit(plan));
  for (const DevicePlan& device : plan.devices) require(device.planned_total() <= device.budget, "a plan that fits is within its budget");
}

}  // namespace plimsoll::fuzz
