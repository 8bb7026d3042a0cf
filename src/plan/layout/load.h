#pragma once

#include "plan/layout/forms.h"

namespace plimsoll {

/// Appends the steps that bring resident weights into their places, and says how large the slots are that they pass through.
void schedule_load(const LayoutRequest& request, Schedule& schedule);

/// Bytes of the largest read of a weight that needs a slot; zero when the file has it as it is planned.
std::uint64_t load_slot_bytes(const LayoutRequest& request, WeightId id, const PlannedWeight& planned);

}  // namespace plimsoll
