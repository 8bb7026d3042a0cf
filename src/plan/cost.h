#pragma once

#include "plan/description.h"
#include "plan/layout.h"

namespace plimsoll {

/// Seconds that each block takes of one full pass: for each op the larger of its arithmetic at the device's rate and its bytes at the
/// memory's, plus a fixed cost a step.
std::vector<double> block_seconds(const Program& program, const Layout& layout, const Candidate& candidate, const Workload& workload,
                                  const DeviceDescription& device);

/// Seconds to read, convert and pack all weights.
double load_seconds(const Binding& binding, const Layout& layout, const DeviceDescription& device);

/// Seconds of the whole workload; of one token where its size is unknown. What candidates are compared by. A pass that is not
/// full costs its share of a full one, so that a larger pass is never predicted to be slower.
double workload_seconds(double pass, const Candidate& candidate, const Workload& workload);

}  // namespace plimsoll
