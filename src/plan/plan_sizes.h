#pragma once

#include <plimsoll/plan.h>

namespace plimsoll {

/// All public numbers of a plan that memory, threads and the schedule's offsets must agree on, in one.
std::uint64_t plan_sizes(const Plan& plan);

/// That a plan has its schedule and the sizes that it was made with; `usage` for one that was changed since, or put together by hand.
Status check_unchanged(const Plan& plan);

}  // namespace plimsoll
