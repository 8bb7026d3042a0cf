#include "plan/split.h"

#include <algorithm>
#include <array>
#include <limits>

#include "plan/cost.h"
#include "plan/residency.h"

namespace plimsoll {
namespace {

constexpr std::int64_t kMostUnits = 36;
constexpr std::size_t kMostPartials = 12;
constexpr std::int64_t kMostRings = 4;     // the largest, and then the smallest
constexpr std::size_t kMostReordered = 4;  // devices whose every order is looked at

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
    if (!forbids(splitter.policy_, Rung::stream)) {
      const auto shapes = ring_shapes(splitter.policy_);
      rings_.assign(shapes.begin(), shapes.end());
      if (std::ssize(rings_) > kMostRings) rings_.erase(rings_.begin() + 1, rings_.end() - (kMostRings - 1));
      host_rings_ = rings_;
      host_rings_.push_back(host_ring_shapes(splitter.policy_).front());
    }
    add_host_arenas(splitter.requests_.front(), beside_);
    streamable_ = streamable_blocks(program_, *splitter.requests_.front().binding);
  }

  std::optional<std::vector<StageChoice>> best() {
    std::vector<std::vector<Partial>> reached(taken_sets() * (units() + 1));
    const auto at = [&](std::size_t taken, std::size_t unit) -> std::vector<Partial>& { return reached[taken * (units() + 1) + unit]; };
    at(0, 0).push_back({});
    const Partial* fastest = nullptr;
    for (std::size_t taken = 0; taken < taken_sets(); ++taken) {
      for (std::size_t first = 0; first < units(); ++first) {
        trim(at(taken, first));
        for (const std::int32_t device : splitter_.order_) {
          if (!may_take(taken, device)) continue;
          for (std::size_t end = first + 1; end <= units(); ++end)
            extend(device, first, end, at(taken, first), at(with(taken, device), end));
        }
      }
      trim(at(taken, units()));
      for (const Partial& whole : at(taken, units())) {
        if (fastest == nullptr || whole.seconds < fastest->seconds) fastest = &whole;
      }
    }
    if (fastest == nullptr) return {};
    std::vector<StageChoice> stages;
    for (const StageOption* stage : fastest->stages) stages.push_back(stage->choice);
    return stages;
  }

 private:
  std::size_t units() const { return splitter_.starts_.size() - 1; }

  // Each accelerator has one stage, the host any number. Which of them are taken is a set of bits, so that they may follow each other in
  // any order: the ends of a program are not like its middle. Of many, only the order of their rates is looked at, and what is known is
  // how far in it the first stages got.
  bool any_order() const { return splitter_.order_.size() <= kMostReordered; }

  std::size_t taken_sets() const { return any_order() ? std::size_t{1} << splitter_.order_.size() : splitter_.order_.size() + 1; }

  std::size_t place(std::int32_t device) const {
    return static_cast<std::size_t>(std::find(splitter_.order_.begin(), splitter_.order_.end(), device) - splitter_.order_.begin());
  }

  bool may_take(std::size_t taken, std::int32_t device) const {
    if (device == 0) return true;
    return any_order() ? (taken >> place(device) & 1) == 0 : place(device) >= taken;
  }

  std::size_t with(std::size_t taken, std::int32_t device) const {
    if (device == 0) return taken;
    return any_order() ? taken | std::size_t{1} << place(device) : place(device) + 1;
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
      for (const RingShape& ring : device == 0 ? host_rings_ : rings_) {
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
    const PassCopies copies{copies_at(device, first).in, copies_at(device, end).out};
    list.push_back({shares.host, pass_seconds(figures.times, ring_time(request, choice.candidate), copies), choice});
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

  // Of what the stage that begins at a unit takes over, and of what the stage that ends there hands on.
  PassCopies copies_at(std::int32_t device, std::size_t cut) {
    const auto [found, is_new] = copies_.try_emplace({device, cut});
    if (!is_new) return found->second;
    const std::int64_t block = splitter_.starts_[cut];
    StageChoice before{0, block, shared_};
    StageChoice behind{block, std::ssize(program_.blocks) - block, shared_};
    before.candidate.device = behind.candidate.device = device;
    found->second = {splitter_.estimator_.copies(behind).in, splitter_.estimator_.copies(before).out};
    return found->second;
  }

  Splitter& splitter_;
  const Candidate& shared_;
  const Budgets& arenas_;
  const Program& program_;
  TagBytes beside_{};  // what the host holds besides stages
  std::vector<RingShape> rings_;
  std::vector<RingShape> host_rings_;
  std::vector<bool> streamable_;  // by block
  std::vector<Home> homes_;       // of a range's units
  std::map<std::tuple<std::int32_t, std::size_t, std::size_t>, std::vector<StageOption>> options_;
  std::map<std::pair<std::size_t, std::size_t>, std::vector<std::int64_t>> orders_;
  std::map<std::tuple<std::int32_t, std::size_t, Home, std::uint64_t, std::int32_t, Home>, Figures> units_;
  std::map<std::pair<std::int32_t, std::size_t>, PassCopies> copies_;
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
