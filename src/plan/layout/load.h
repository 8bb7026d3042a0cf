#pragma once

#include "plan/layout/forms.h"

namespace plimsoll {

/// Slots of `slot` bytes for loading so many bytes of weights: one for each thread, so that all of them read at once, but of a small model
/// no more than a few, which would take more than what they are for.
Slots load_slots(const LayoutRequest& request, std::uint64_t slot, std::uint64_t weights);

/// Appends the steps that bring resident weights, so many bytes in all, into their places, and says what slots they pass through.
void schedule_load(const LayoutRequest& request, std::uint64_t weights, Schedule& schedule);

/// Bytes of the largest read of a weight that needs a slot; zero when the file has it as it is planned.
std::uint64_t load_slot_bytes(const LayoutRequest& request, WeightId id, const PlannedWeight& planned);

}  // namespace plimsoll
