#pragma once

#include <plimsoll/ledger.h>

#include "plan/forms.h"

namespace plimsoll {

/// Everything about one candidate that has a size.
struct Layout {
  Schedule schedule;
  std::vector<TagBytes> arenas;  ///< by device: the host, then the accelerator that computes if one does; whole pages
  Bytes arena_total(std::size_t device = 0) const;
};

Layout lay_out(const LayoutRequest& request, const Candidate& candidate);

/// Height of the `activations` arena: all values of `schedule` (forms assigned) by lifetime, and the gathered table's rows. Sets their
/// offsets. Those that live as long as the pass come first, where no other size moves them; the gathered rows go where nothing else is at
/// that time: plans that differ only in where weights are have the same places for values.
std::uint64_t place_values(const LayoutRequest& request, Schedule& schedule);

/// The `staging` arenas: slots while loading, the ring later, and on the host the rows of a gathered table on their way to an accelerator.
struct Staging {
  std::uint64_t host = 0;
  std::uint64_t device = 0;  ///< of an accelerator
  std::uint64_t gathered_offset = 0;
};
Staging measure_staging(const LayoutRequest& request, const Candidate& candidate, const SlotRing& ring, const Slots& load);

/// Bytes of a weight as its file has it.
std::uint64_t stored_bytes(const LayoutRequest& request, WeightId id);

/// What the device's kernels are made for under `candidate`.
WorkspaceNeeds workspace_needs(const LayoutRequest& request, const Candidate& candidate);

/// Places weights: returns the heights of the `weights` arenas of the computing device and, of an accelerator, of the host.
struct WeightHeights {
  std::uint64_t device = 0;
  std::uint64_t host = 0;
};
WeightHeights place_weights(const LayoutRequest& request, Schedule& schedule);

/// Room for the texts of a pass and their answers (DESIGN.md section 4).
Bytes io_bytes(const Workload& workload);

}  // namespace plimsoll
