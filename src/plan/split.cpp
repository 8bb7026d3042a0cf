#include "plan/split.h"

#include <algorithm>
#include <array>
#include <limits>

#include "plan/residency.h"

namespace plimsoll {
namespace {

constexpr std::int64_t kMostUnits = 36;
constexpr std::size_t kMostPartials = 12;
constexpr std::size_t kMostReordered = 4;  // devices whose every order is looked at
constexpr std::int32_t kNobody = -1;

struct StageOption {
  Share host;
  double seconds = 0;
  StageChoice choice;
};

/// The first stages of a plan, up to some unit.
struct Partial {
  Share host;
  double seconds = 0;
  std::vector<const StageOption*> stages;
};

std::uint64_t bytes_of(const Share& share) { return arena_total(arenas_of(share)).count; }

// Keeps those that no other beats in both time and the host's memory, the fastest of them.
void trim(std::vector<Partial>& partials) {
  std::stable_sort(partials.begin(), partials.end(), [](const Partial& a, const Partial& b) { return a.seconds < b.seconds; });
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  std::erase_if(partials, [&](const Partial& partial) {
    const std::uint64_t bytes = bytes_of(partial.host);
    if (bytes >= least) return true;
    least = bytes;
    return false;
  });
  if (partials.size() <= kMostPartials) return;
  partials[kMostPartials - 1] = std::move(partials.back());  // the one that takes the least
  partials.resize(kMostPartials);
}

}  // namespace

/// One pass and precision under given budgets.
class Splitter::Search {
 public:
  Search(Splitter& splitter, const Candidate& shared, const Budgets& arenas)
      : splitter_(splitter), shared_(shared), arenas_(arenas), program_(*splitter.requests_.front().program) {
    for (const RingShape& ring : ring_shapes(splitter.policy_)) {
      if (!forbids(splitter.policy_, Rung::stream)) rings_.push_back(ring);
    }
    if (rings_.size() > 3) rings_ = {rings_.front(), rings_[rings_.size() - 3], rings_.back()};
    add_host_arenas(splitter.requests_.front(), beside_);
    streamable_ = streamable_blocks(program_, *splitter.requests_.front().binding);
  }

  std::optional<std::vector<StageChoice>> best() {
    std::optional<Partial> found = best_in(splitter_.order_);
    // Which device comes first matters little, but to what has room: the ends of a program are not like its middle.
    std::vector<std::int32_t> order = splitter_.order_;
    std::sort(order.begin(), order.end());
    for (bool more = order.size() <= kMostReordered; more && !found; more = std::next_permutation(order.begin(), order.end()))
      found = best_in(order);
    if (!found) return {};
    std::vector<StageChoice> stages;
    for (const StageOption* stage : found->stages) stages.push_back(stage->choice);
    return stages;
  }

 private:
  using Order = std::vector<std::int32_t>;

  std::size_t units() const { return splitter_.starts_.size() - 1; }

  // The word table takes room and next to no time: any device may have the first unit, whoever is next.
  std::optional<Partial> best_in(const Order& order) {
    std::optional<Partial> found = follow(order, {Partial{}}, 0, kNobody);
    for (const std::int32_t device : order) {
      if (units() == 1) break;
      std::vector<Partial> begun;
      extend(device, 0, 1, {Partial{}}, begun);
      std::optional<Partial> other = follow(order, std::move(begun), 1, device);
      if (other && (!found || other->seconds < found->seconds)) found = std::move(other);
    }
    return found;
  }

  // The best way from `begun`, which has the units before `from` on `taken`, to the end.
  std::optional<Partial> follow(const Order& order, std::vector<Partial> begun, std::size_t from, std::int32_t taken) {
    std::vector<std::vector<Partial>> upto(units() + 1);
    upto[from] = std::move(begun);
    for (const std::int32_t device : order) {
      if (device == taken && device > 0) continue;
      std::vector<std::vector<Partial>> next = upto;
      for (std::size_t first = from; first < units(); ++first) {
        if (upto[first].empty()) continue;
        for (std::size_t end = first + 1; end <= units(); ++end) extend(device, first, end, upto[first], next[end]);
      }
      for (std::vector<Partial>& partials : next) trim(partials);
      upto = std::move(next);
    }
    if (upto[units()].empty()) return {};
    return std::move(upto[units()].front());
  }

  void extend(std::int32_t device, std::size_t first, std::size_t end, const std::vector<Partial>& before, std::vector<Partial>& after) {
    for (const StageOption& stage : options(device, first, end)) {
      for (const Partial& partial : before) {
        Partial longer{join(partial.host, stage.host), partial.seconds + stage.seconds, partial.stages};
        longer.stages.push_back(&stage);
        const Bytes host = Bytes{bytes_of(longer.host)} + arena_total(beside_) + stage_runtime(program_, longer.stages.size());
        if (host > arenas_.front()) continue;
        after.push_back(std::move(longer));
      }
    }
  }

  // Ways to run a range on a device: everything there, or for each ring and each source the least streamed that fits.
  const std::vector<StageOption>& options(std::int32_t device, std::size_t first, std::size_t end) {
    const auto [found, is_new] = options_.try_emplace({device, first, end});
    std::vector<StageOption>& list = found->second;
    if (!is_new) return list;
    const std::int64_t block = splitter_.starts_[first];
    StageChoice choice{block, splitter_.starts_[end] - block, shared_};
    choice.candidate.device = device;
    const std::int64_t streamable = std::count(streamable_.begin() + block, streamable_.begin() + block + choice.blocks, true);
    for (const Home table : tables(device, block)) {
      choice.candidate.table = table;
      if (try_stage(device, first, end, choice, list) && device > 0) continue;
      for (const RingShape& ring : rings_) {
        for (const bool from_host : {false, true}) {
          if (!from_host || device > 0) stream(device, first, end, choice, ring, from_host, streamable, list);
        }
      }
    }
    return list;
  }

  void stream(std::int32_t device, std::size_t first, std::size_t end, StageChoice choice, const RingShape& ring, bool from_host,
              std::int64_t streamable, std::vector<StageOption>& list) {
    choice.candidate.chunk_bytes = ring.chunk_bytes;
    choice.candidate.slots = ring.slots;
    // The host's memory is shared by all stages: there, several numbers are left to choose from.
    const std::int64_t stride = device == 0 ? std::max<std::int64_t>(streamable / 4, 1) : 1;
    for (std::int64_t streamed = stride; streamed <= streamable; streamed += stride) {
      choice.candidate.streamed_blocks = streamed;
      choice.candidate.host_blocks = from_host ? streamed : 0;
      if (try_stage(device, first, end, choice, list) && device > 0) return;
    }
  }

  std::vector<Home> tables(std::int32_t device, std::int64_t block) const {
    if (block > 0 || forbids(splitter_.policy_, Rung::gather) || gatherable_table(program_, *splitter_.requests_.front().binding) == kNone)
      return {Home::device};
    if (device == 0) return {Home::device, Home::disk};
    return {Home::device, Home::host, Home::disk};
  }

  // Adds the stage if it fits on its device. Of the host, that is known only with all stages.
  bool try_stage(std::int32_t device, std::size_t first, std::size_t end, const StageChoice& choice, std::vector<StageOption>& list) {
    const Figures figures = sum(first, end, choice);
    const LayoutRequest& request = splitter_.requests_[static_cast<std::size_t>(device)];
    const Shares shares = shares_of(request, choice.candidate, figures);
    if (device > 0 && arena_total(arenas_of(shares.device)) > arenas_[static_cast<std::size_t>(device)]) return false;
    list.push_back({shares.host, figures.seconds + hand_over(device, first) + hand_over(device, end), choice});
    return true;
  }

  // As the stage's own residency_order chooses, by units.
  Figures sum(std::size_t first, std::size_t end, const StageChoice& choice) {
    const std::vector<std::int64_t>& order = order_of(end - first, first);
    const auto per_unit = std::max<std::int64_t>(splitter_.starts_[1], 1);
    const std::int64_t streamed = (choice.candidate.streamed_blocks + per_unit - 1) / per_unit;
    homes_.assign(end - first, Home::device);
    for (std::int64_t i = std::max<std::int64_t>(std::ssize(order) - streamed, 0); i < std::ssize(order); ++i)
      homes_[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = choice.candidate.host_blocks > 0 ? Home::host : Home::disk;
    Figures figures;
    for (std::size_t u = first; u < end; ++u) figures.add(unit(u, homes_[u - first], choice.candidate));
    return figures;
  }

  const std::vector<std::int64_t>& order_of(std::size_t count, std::size_t first) {
    auto& known = orders_[{first, count}];
    if (!known.empty()) return known;
    for (std::size_t u = 0; u < count; ++u) {
      const auto begin = streamable_.begin() + splitter_.starts_[first + u];
      const auto end = streamable_.begin() + splitter_.starts_[first + u + 1];
      if (std::find(begin, end, true) != end) known.push_back(static_cast<std::int64_t>(u));
    }
    sort_by_residency(known);
    return known;
  }

  const Figures& unit(std::size_t number, Home home, const Candidate& stage) {
    const std::uint64_t chunk = home == Home::device ? 0 : stage.chunk_bytes;
    const std::int32_t slots = home == Home::device ? 0 : stage.slots;
    const Home table = number == 0 ? stage.table : Home::device;
    const auto [found, is_new] = units_.try_emplace({stage.device, number, home, chunk, slots, table});
    if (!is_new) return found->second;
    const std::int64_t first = splitter_.starts_[number];
    StageChoice choice{first, splitter_.starts_[number + 1] - first, stage};
    choice.candidate.table = table;
    choice.candidate.chunk_bytes = chunk;
    choice.candidate.slots = slots;
    const std::int64_t streamable = std::count(streamable_.begin() + first, streamable_.begin() + first + choice.blocks, true);
    choice.candidate.streamed_blocks = home == Home::device ? 0 : streamable;
    choice.candidate.host_blocks = home == Home::host ? streamable : 0;
    found->second = splitter_.estimator_.figures(choice);
    return found->second;
  }

  // Seconds to bring there, or away, what crosses the beginning of a unit.
  double hand_over(std::int32_t device, std::size_t cut) {
    const std::int64_t block = splitter_.starts_[cut];
    const std::int64_t blocks = std::ssize(program_.blocks);
    if (block == 0 || block == blocks) return 0;
    const auto [found, is_new] = hand_overs_.try_emplace({device, cut});
    if (!is_new) return found->second;
    StageChoice rest{block, blocks - block, shared_};
    rest.candidate.device = device;
    found->second = splitter_.estimator_.hand_over_seconds(rest);
    return found->second;
  }

  Splitter& splitter_;
  const Candidate& shared_;
  const Budgets& arenas_;
  const Program& program_;
  TagBytes beside_{};  // what the host holds besides stages
  std::vector<RingShape> rings_;
  std::vector<bool> streamable_;  // by block
  std::vector<Home> homes_;       // of a range's units
  std::map<std::tuple<std::int32_t, std::size_t, std::size_t>, std::vector<StageOption>> options_;
  std::map<std::pair<std::size_t, std::size_t>, std::vector<std::int64_t>> orders_;
  std::map<std::tuple<std::int32_t, std::size_t, Home, std::uint64_t, std::int32_t, Home>, Figures> units_;
  std::map<std::pair<std::int32_t, std::size_t>, double> hand_overs_;
};

Splitter::Splitter(const std::vector<LayoutRequest>& requests, const Policy& policy, std::vector<bool> may_use)
    : requests_(requests), policy_(policy), estimator_(requests) {
  for (std::size_t d = 1; d < requests.size(); ++d) {
    if (may_use[d]) order_.push_back(static_cast<std::int32_t>(d));
  }
  const auto rate = [&](std::int32_t d) { return requests_[static_cast<std::size_t>(d)].device->float32_flops; };
  std::stable_sort(order_.begin(), order_.end(), [&](std::int32_t a, std::int32_t b) { return rate(a) > rate(b); });
  if (may_use[0]) order_.push_back(0);
  const std::int64_t blocks = std::ssize(requests.front().program->blocks);
  const std::int64_t stride = (blocks + kMostUnits - 1) / kMostUnits;
  for (std::int64_t block = 0; block < blocks; block += stride) starts_.push_back(block);
  starts_.push_back(blocks);
}

Splitter::~Splitter() = default;

std::optional<std::vector<StageChoice>> Splitter::split(const Candidate& shared, const Budgets& arenas) {
  return Search(*this, shared, arenas).best();
}

}  // namespace plimsoll
