#include "plan/plan_sizes.h"

#include "plan/digest.h"
#include "plan/layout/schedule.h"

namespace plimsoll {

std::uint64_t plan_sizes(const Plan& plan) {
  Digest digest;
  digest.add(plan.tokens_per_pass, plan.texts_per_pass, plan.threads, plan.workload.longest, plan.devices.size());
  for (const DevicePlan& device : plan.devices) {
    for (const Bytes arena : device.arenas) digest.add(arena.count);
  }
  return digest.value();
}

Status check_unchanged(const Plan& plan) {
  const bool whole = plan.stages != nullptr && !plan.stages->empty() && plan.schedule.get() == &plan.stages->front().schedule;
  if (whole && plan.schedule->plan_sizes == plan_sizes(plan)) return {};
  return Error{ErrorCode::usage, "the plan was changed after it was made", "session", "make_plan makes another one for other sizes"};
}

}  // namespace plimsoll
