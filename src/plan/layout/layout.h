#pragma once

#include <plimsoll/ledger.h>

#include "plan/layout/forms.h"

namespace plimsoll {

/// Bytes of a stage's arenas on one device.
struct Share {
  std::uint64_t weights = 0;
  std::uint64_t activations = 0;
  std::uint64_t workspace = 0;
  std::uint64_t ring = 0;  ///< of `staging`, during passes
  std::uint64_t load = 0;  ///< of `staging`, while weights are loaded
};

/// The arenas of a device with which stages come one after the other: `weights` and rings lie behind each other, the rest is used in turn.
Share join(const Share& a, const Share& b);

/// In whole pages.
TagBytes arenas_of(const Share& share);
Bytes arena_total(const TagBytes& arenas);

/// What the host holds besides: tables, and room for texts.
void add_host_arenas(const LayoutRequest& request, TagBytes& arenas);

/// Everything about one candidate that has a size.
struct Layout {
  Schedule schedule;
  Share host;
  Share device;                  ///< of an accelerator
  std::vector<TagBytes> arenas;  ///< by device: the host, then the accelerator that computes if one does; whole pages
  Bytes arena_total(std::size_t number = 0) const { return plimsoll::arena_total(arenas[number]); }
};

Layout lay_out(const LayoutRequest& request, const Candidate& candidate);

/// Height of the `activations` arena: all values of `schedule` (forms assigned) by lifetime, and the gathered table's rows. Sets their
/// offsets. Those that live as long as the pass come first, where no other size moves them; the gathered rows go where nothing else is at
/// that time: plans that differ only in where weights are have the same places for values. What stages hand on lies between the two, in
/// the same places in every stage.
std::uint64_t place_values(const LayoutRequest& request, Schedule& schedule);

/// Sets the shares of the `staging` arenas: slots while loading, the ring later, and on the host the rows of a gathered table on their way
/// to an accelerator, whose offset it gives.
std::uint64_t measure_staging(const LayoutRequest& request, const Candidate& candidate, const SlotRing& ring, const Slots& load,
                              Share& host, Share& device);

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
