#pragma once

#include "plan/layout/forms.h"

namespace plimsoll {

/// Rows of a tensor in a chunk of about `chunk_bytes`: whole panels' worth, at least one; the last chunk of a tensor has what is left.
std::int64_t rows_per_chunk(std::uint64_t row_bytes, std::int64_t rows, std::uint64_t chunk_bytes);

/// The slots of a ring with chunks of about `candidate.chunk_bytes`; no chunks yet. Measured over all weights that could stream, whichever
/// do: it does not depend on how many blocks stay.
SlotRing measure_ring(const LayoutRequest& request, const Candidate& candidate);

/// Cuts the streamed weights of `schedule` (forms assigned, ring measured) into the chunks of its ring.
void cut_chunks(const LayoutRequest& request, const Candidate& candidate, Schedule& schedule);

/// The steps of a pass, and those that prime its ring.
void schedule_pass(const Program& program, Schedule& schedule);

}  // namespace plimsoll
