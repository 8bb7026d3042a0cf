#include "plan/layout/packing.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace plimsoll {
namespace {

// The intervals that have a place already, by each op during which they are alive: values of a deep network overlap few others.
class PlacedByTime {
 public:
  explicit PlacedByTime(const std::vector<Interval>& intervals) : seen_for_(intervals.size(), 0) {
    std::int64_t last = 0;
    for (const Interval& interval : intervals) {
      first_ = std::min(first_, interval.first);
      last = std::max(last, interval.last);
    }
    alive_.resize(static_cast<std::size_t>(last - first_ + 1));
  }

  void add(std::size_t index, const Interval& interval) {
    for (std::int64_t time = interval.first; time <= interval.last; ++time) at(time).push_back(index);
  }

  std::vector<std::size_t> alive_with(const Interval& interval) {
    std::vector<std::size_t> found;
    ++question_;
    for (std::int64_t time = interval.first; time <= interval.last; ++time) {
      for (const std::size_t other : at(time)) {
        if (std::exchange(seen_for_[other], question_) != question_) found.push_back(other);
      }
    }
    return found;
  }

 private:
  std::vector<std::size_t>& at(std::int64_t time) { return alive_[static_cast<std::size_t>(time - first_)]; }

  std::int64_t first_ = 0;
  std::vector<std::vector<std::size_t>> alive_;
  std::vector<std::size_t> seen_for_;  // the last question that an interval was found for
  std::size_t question_ = 0;
};

// The lowest place of `interval` that none of `alive` is in.
std::uint64_t place(const Interval& interval, std::vector<std::size_t> alive, const std::vector<Interval>& intervals, Packing& packing) {
  std::sort(alive.begin(), alive.end(), [&](std::size_t a, std::size_t b) { return packing.offsets[a] < packing.offsets[b]; });
  std::uint64_t offset = 0;
  for (const std::size_t other : alive) {
    if (packing.offsets[other] >= offset + interval.bytes) break;
    offset = std::max(offset, packing.offsets[other] + intervals[other].bytes);
  }
  packing.height = std::max(packing.height, offset + interval.bytes);
  return offset;
}

}  // namespace

Packing pack_intervals(const std::vector<Interval>& intervals) {
  std::vector<std::size_t> order(intervals.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return intervals[a].bytes > intervals[b].bytes; });
  Packing packing;
  packing.offsets.assign(intervals.size(), 0);
  PlacedByTime placed(intervals);
  for (const std::size_t i : order) {
    const Interval& interval = intervals[i];
    if (interval.bytes == 0) break;
    packing.offsets[i] = place(interval, placed.alive_with(interval), intervals, packing);
    placed.add(i, interval);
  }
  return packing;
}

void pack_beside(std::vector<Interval>& intervals, Packing& packing, const Interval& interval) {
  std::vector<std::size_t> alive;
  for (std::size_t i = 0; i < intervals.size(); ++i) {
    if (intervals[i].bytes > 0 && intervals[i].first <= interval.last && interval.first <= intervals[i].last) alive.push_back(i);
  }
  packing.offsets.push_back(place(interval, std::move(alive), intervals, packing));
  intervals.push_back(interval);
}

}  // namespace plimsoll
