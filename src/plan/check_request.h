#pragma once

#include <plimsoll/plan.h>

namespace plimsoll {

/// That a plan can be made of this at all: `usage` for numbers that no model, machine or session has, `unsupported` for types that weights
/// are not held as. Behind it, sizes of a pass do not overflow.
Status check_request(const Model& model, const Snapshot& machine, const Workload& workload, const Policy& policy);

}  // namespace plimsoll
