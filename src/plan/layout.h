#pragma once

#include <plimsoll/ledger.h>
#include <plimsoll/plan.h>

#include "model/binding.h"
#include "plan/candidate.h"
#include "plan/description.h"
#include "plan/schedule.h"

namespace plimsoll {

/// A request for a place of `bytes` that must not be shared with others alive in [first, last] (op ordinals, inclusive).
struct Interval {
  std::uint64_t bytes = 0;
  std::int64_t first = 0;
  std::int64_t last = 0;
};

/// Offsets for all intervals so that no two that are alive together overlap, each aligned to 64 bytes, and the height needed.
/// Greedy by size (Pisarchyk & Lee, arXiv:2001.03288): never below the largest sum alive at once, and usually equal to it.
struct Packing {
  std::vector<std::uint64_t> offsets;
  std::uint64_t height = 0;
};
Packing pack_intervals(const std::vector<Interval>& intervals);

/// Everything about one candidate that has a size.
struct Layout {
  Schedule schedule;
  std::vector<std::uint64_t> block_bytes;       ///< weights, by block
  std::vector<std::uint64_t> block_slot_bytes;  ///< largest read into a slot, by block
  TagBytes arenas{};                            ///< whole pages
  Bytes arena_total() const;
};

struct LayoutRequest {
  const Program* program = nullptr;
  const Binding* binding = nullptr;
  const DeviceDescription* device = nullptr;
  Workload workload;
  Bytes tables;                ///< held by the model already
  std::uint64_t red_zone = 0;  ///< bytes left free behind every value and weight, for tests
};

Layout lay_out(const LayoutRequest& request, const Candidate& candidate);

}  // namespace plimsoll
