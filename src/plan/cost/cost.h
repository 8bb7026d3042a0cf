#pragma once

#include "plan/cost/pass_time.h"
#include "plan/layout/forms.h"

namespace plimsoll {

/// What each block takes in one full pass. For each op the larger of its arithmetic at the device's rate and its bytes at the memory's,
/// plus a fixed cost a step. Products of what passes through the ring take a little longer on the host, because they pack what they read.
std::vector<BlockTime> block_times(const LayoutRequest& request, const Schedule& schedule, const Candidate& candidate);

/// Of the values that a pass takes over, and of those that it hands on: between the host and an accelerator.
PassCopies pass_copies(const LayoutRequest& request, const Candidate& candidate);

RingTime ring_time(const LayoutRequest& request, const Candidate& candidate);

/// Seconds of one full pass, from all of these.
double pass_seconds(const LayoutRequest& request, const Schedule& schedule, const Candidate& candidate);

/// Seconds to read, convert and pack all resident weights.
double load_seconds(const LayoutRequest& request, const Schedule& schedule);

/// Seconds of the whole workload; of one token where its size is unknown. What candidates are compared by. A pass that is not
/// full costs its share of a full one, so that a larger pass is never predicted to be slower.
double workload_seconds(double pass, const Candidate& candidate, const Workload& workload);

}  // namespace plimsoll
