#include "plan/stages/fill.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace plimsoll {
namespace {

constexpr std::uint64_t kNoCap = std::numeric_limits<std::uint64_t>::max();

// The largest count from 0 to `most` that is possible, where fewer always are: often all, or a few less.
template <typename Possible>
std::int64_t largest(std::int64_t most, Possible possible) {
  std::int64_t low = most;
  for (std::int64_t step = 1; low > 0 && !possible(low); step *= 2) {
    most = low - 1;
    low = std::max<std::int64_t>(low - step, 0);
  }
  while (low < most) {
    const std::int64_t middle = low + (most - low + 1) / 2;
    if (possible(middle)) low = middle;
    else most = middle - 1;
  }
  return low;
}

}  // namespace

// The last accelerator has no cap, so that rounding leaves nothing over.
void Filler::share_weights(const Candidate& shared) {
  weights_.clear();
  const auto last = static_cast<std::int32_t>(requests_.size()) - 1;
  Candidate there = shared;
  there.device = last;
  const Schedule schedule = assign_forms(requests_.back(), there);
  for (const Block& block : program_.blocks) {
    std::uint64_t bytes = 0;
    for (const Op& op : block.ops) {
      for (const WeightId id : op_weights(op))
        bytes += align_place(schedule.weights[static_cast<std::size_t>(id)].bytes + policy_.red_zone_bytes);
    }
    weights_.push_back(bytes);
  }
  const std::uint64_t all = std::accumulate(weights_.begin(), weights_.end(), std::uint64_t{0});
  caps_.assign(requests_.size(), kNoCap);
  const DeviceMap::Kind kind = policy_.device_map.kind;
  if (last < 2 || kind == DeviceMap::Kind::sequential) return;
  const bool spares_first = kind == DeviceMap::Kind::balanced_low_0;
  const auto sharing = static_cast<std::uint64_t>(spares_first ? last - 1 : last);
  std::uint64_t others = 0;
  for (std::int32_t d = 1; d <= last; ++d) {
    const auto i = static_cast<std::size_t>(d);
    if (d < last) caps_[i] = all / sharing;
    if (d > 1) others += std::min(caps_[i], room_for_weights(d, shared));
  }
  // Rounded up to whole blocks: what it does not take nobody has room for.
  const std::uint64_t half_a_block = *std::max_element(weights_.begin(), weights_.end()) / 2;
  if (spares_first) caps_[1] = all > others ? all - others + half_a_block : 0;
}

// What its arenas have room for beside a block's values, workspace and slots.
std::uint64_t Filler::room_for_weights(std::int32_t device, const Candidate& shared) {
  StageChoice block{std::ssize(program_.blocks) / 2, 1, shared};
  block.candidate.device = device;
  const auto i = static_cast<std::size_t>(device);
  const Bytes beside = saturating_sub(estimator_.estimate({block}).arenas[i], Bytes{estimator_.figures(block).device});
  return saturating_sub(arenas_[i], beside).count;
}

// How many blocks from `first` on come nearest to the device's share; of none, none.
std::int64_t Filler::share_of(std::int32_t device, std::int64_t first) const {
  const std::uint64_t cap = caps_[static_cast<std::size_t>(device)];
  std::uint64_t sum = 0;
  std::int64_t b = first;
  for (; b < std::ssize(weights_) && cap > 0; ++b) {
    const std::uint64_t block = weights_[static_cast<std::size_t>(b)];
    if (cap != kNoCap && sum + block / 2 > cap) break;
    sum += block;
  }
  return b - first;
}

std::int64_t Filler::room_on(std::int32_t device, std::int64_t first, const Candidate& shared) {
  return largest(share_of(device, first), [&](std::int64_t count) {
    StageChoice stage{first, count, shared};
    stage.candidate.device = device;
    return fits_on(device, {stage});
  });
}

// Blocks by device: none before `main`, which has `most` at most.
std::vector<std::int64_t> Filler::counts(const Candidate& shared, std::int32_t main, std::int64_t most) {
  std::vector<std::int64_t> counts(requests_.size());
  std::int64_t next = 0;
  for (std::int32_t d = main; d < std::ssize(counts); ++d) {
    const std::int64_t room = room_on(d, next, shared);
    counts[static_cast<std::size_t>(d)] = d == main ? std::min(room, most) : room;
    next += counts[static_cast<std::size_t>(d)];
  }
  return counts;
}

// The blocks that no device has are computed on `main`, the first of them from the host's memory.
std::vector<StageChoice> Filler::stages(const Filling& filling, std::int64_t on_host) const {
  MappedBlocks mapped;
  for (std::size_t d = 0; d < filling.counts.size(); ++d)
    mapped.blocks.insert(mapped.blocks.end(), static_cast<std::size_t>(filling.counts[d]), {static_cast<std::int32_t>(d), Home::device});
  const auto home = [&] { return filling.main > 0 && (on_host > 0 || !policy_.use_disk) ? Home::host : Home::disk; };
  const bool may_gather = !forbids(policy_, Rung::gather) && has_elsewhere(filling.main);
  if ((mapped.blocks.empty() || filling.gathers) && may_gather) mapped.table = home();
  for (; mapped.blocks.size() < program_.blocks.size(); --on_host) mapped.blocks.push_back({filling.main, home()});
  return mapped_stages(mapped, requests_.front(), filling.shared, filling.ring);
}

// Whether there is a place for weights but the device that computes with them.
bool Filler::has_elsewhere(std::int32_t main) const { return policy_.use_disk || main > 0; }

// With what is left kept on the host as far as that has room, then on disk.
std::vector<StageChoice> Filler::with_rest(const Filling& filling) {
  if (!policy_.use_disk) return stages(filling, std::ssize(program_.blocks));
  const std::int64_t placed = std::accumulate(filling.counts.begin(), filling.counts.end(), std::int64_t{0});
  const std::int64_t on_host = largest(std::ssize(program_.blocks) - placed, [&](std::int64_t count) {
    return is_cancelled(cancel_) || estimator_.estimate(stages(filling, count)).arenas.front() <= arenas_.front();
  });
  return stages(filling, on_host);
}

// Of a plan that is not wanted any more, everything does.
bool Filler::fits_on(std::int32_t device, const std::vector<StageChoice>& stages) {
  if (is_cancelled(cancel_)) return true;
  return estimator_.estimate(stages).arenas[static_cast<std::size_t>(device)] <= arenas_[static_cast<std::size_t>(device)];
}

// Without streaming. What is too much has its place all the same, and the plan says for whom; but the word table need not be there.
std::vector<StageChoice> Filler::all_resident(Filling filling, std::int64_t left) {
  filling.counts.back() += left;
  std::vector<StageChoice> resident = stages(filling, 0);
  if (fits_on(filling.main, resident)) return resident;
  filling.gathers = true;
  std::vector<StageChoice> gathered = stages(filling, 0);
  return fits_on(filling.main, gathered) ? gathered : resident;
}

std::vector<std::vector<StageChoice>> Filler::fill(const Candidate& shared, std::span<const RingShape> rings) {
  share_weights(shared);
  std::vector<std::vector<StageChoice>> list;
  for (const RingShape& ring : rings) {
    list.push_back(fill(shared, ring));
    const bool streams = std::ranges::any_of(list.back(), [](const StageChoice& stage) { return stage.candidate.streamed_blocks > 0; });
    if (!streams) break;  // no ring makes a difference
  }
  return list;
}

std::vector<StageChoice> Filler::fill(const Candidate& shared, const RingShape& ring) {
  const std::int64_t blocks = std::ssize(program_.blocks);
  const std::int32_t first = requests_.size() > 1 ? 1 : 0;
  const bool may_stream = !forbids(policy_, Rung::stream) && has_elsewhere(first);
  for (std::int32_t main = first; main < std::ssize(requests_); ++main) {
    Filling filling{shared, ring, main, counts(shared, main, blocks)};
    const std::int64_t left = blocks - std::accumulate(filling.counts.begin(), filling.counts.end(), std::int64_t{0});
    if (left == 0) return stages(filling, 0);
    if (!may_stream) return all_resident(std::move(filling), left);
    // What streams needs a ring beside the blocks that stay.
    std::vector<StageChoice> best;  // what was possible last has the most there
    largest(filling.counts[static_cast<std::size_t>(main)], [&](std::int64_t most) {
      std::vector<StageChoice> filled = with_rest({shared, ring, main, counts(shared, main, most)});
      if (!fits_on(main, filled)) return false;
      best = std::move(filled);
      return true;
    });
    if (!best.empty()) return best;
  }
  std::vector<StageChoice> streamed;
  for (std::int32_t main = first; main < std::ssize(requests_); ++main) {
    streamed = with_rest({shared, ring, main, std::vector<std::int64_t>(requests_.size())});
    if (fits_on(main, streamed)) break;
  }
  return streamed;
}

}  // namespace plimsoll
