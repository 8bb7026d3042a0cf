#include "plan/layout/packing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace plimsoll {
namespace {

std::uint64_t most_alive_at_once(const std::vector<Interval>& intervals, std::int64_t last) {
  std::uint64_t most = 0;
  for (std::int64_t t = -1; t <= last; ++t) {
    std::uint64_t sum = 0;
    for (const Interval& i : intervals) {
      if (i.first <= t && t <= i.last) sum += i.bytes;
    }
    most = std::max(most, sum);
  }
  return most;
}

bool overlap(const Packing& packing, const std::vector<Interval>& intervals, std::size_t a, std::size_t b) {
  const bool together = intervals[a].first <= intervals[b].last && intervals[b].first <= intervals[a].last;
  return together && packing.offsets[a] < packing.offsets[b] + intervals[b].bytes &&
         packing.offsets[b] < packing.offsets[a] + intervals[a].bytes;
}

TEST(PackIntervals, ValuesAliveTogetherNeverShareBytes) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 300; ++round) {
    std::vector<Interval> intervals(1 + random() % 40);
    for (Interval& i : intervals) {
      const auto first = static_cast<std::int64_t>(random() % 20);
      i = {64 * (random() % 50), first, first + static_cast<std::int64_t>(random() % 6)};
    }
    const Packing packing = pack_intervals(intervals);
    for (std::size_t a = 0; a < intervals.size(); ++a) {
      EXPECT_LE(packing.offsets[a] + intervals[a].bytes, packing.height);
      EXPECT_EQ(packing.offsets[a] % 64, 0U);
      for (std::size_t b = 0; b < a; ++b)
        EXPECT_FALSE(intervals[a].bytes != 0 && intervals[b].bytes != 0 && overlap(packing, intervals, a, b)) << round;
    }
    EXPECT_GE(packing.height, most_alive_at_once(intervals, 26));
  }
}

TEST(PackIntervals, AnEncoderLayerNeedsNoMoreThanItsLiveValues) {
  // hidden | qkv, context | attended | intermediate, output: the shape of every encoder layer, H = 1024 tokens x 4 KiB.
  const std::vector<Interval> layer = {{4096, 0, 9}, {12288, 1, 2}, {4096, 2, 3}, {4096, 3, 4}, {16384, 5, 6}, {4096, 6, 7}};
  EXPECT_EQ(pack_intervals(layer).height, most_alive_at_once(layer, 9));
}

TEST(PackIntervals, NothingNeedsNothing) { EXPECT_EQ(pack_intervals({}).height, 0U); }

}  // namespace
}  // namespace plimsoll
