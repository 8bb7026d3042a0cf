#pragma once

#include "plan/forms.h"

namespace plimsoll {

/// Cuts the streamed weights of `schedule` (forms assigned) into chunks of about `candidate.chunk_bytes` and measures the slots.
/// The measures are those of all weights that could stream, whichever do: they do not depend on how many blocks stay.
SlotRing make_ring(const LayoutRequest& request, const Candidate& candidate, const Schedule& schedule);

/// The steps of a pass, and those that prime its ring.
void schedule_pass(const Program& program, Schedule& schedule);

}  // namespace plimsoll
