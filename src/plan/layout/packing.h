#pragma once

#include <cstdint>
#include <vector>

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

/// Adds `interval`, and its place, to intervals that have theirs.
void pack_beside(std::vector<Interval>& intervals, Packing& packing, const Interval& interval);

}  // namespace plimsoll
