#pragma once

#include "plan/forms.h"

namespace plimsoll {

/// Seconds that each block takes of one full pass. For each op the larger of its arithmetic at the device's rate and its bytes at the
/// memory's, plus a fixed cost a step; a block that passes through the ring takes at least as long as its bytes take from the disk,
/// and its products a little longer, because they pack what they read.
std::vector<double> block_seconds(const LayoutRequest& request, const Schedule& schedule, const Candidate& candidate);

/// Seconds to read, convert and pack all resident weights.
double load_seconds(const LayoutRequest& request, const Schedule& schedule);

/// Seconds of the whole workload; of one token where its size is unknown. What candidates are compared by. A pass that is not
/// full costs its share of a full one, so that a larger pass is never predicted to be slower.
double workload_seconds(double pass, const Candidate& candidate, const Workload& workload);

}  // namespace plimsoll
