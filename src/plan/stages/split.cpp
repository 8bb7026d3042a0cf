#include "plan/stages/split.h"

#include <algorithm>
#include <array>
#include <limits>

#include "plan/candidates/residency.h"
#include "plan/cost/cost.h"

namespace plimsoll {
namespace {

constexpr std::int64_t kMostUnits = 36;
// Where a unit of so many has more than four blocks: the work grows with the square of the units and with their blocks.
constexpr std::int64_t kUnitsOfVeryDeep = 18;
constexpr std::size_t kMostPartials = 12;
constexpr std::int64_t kMostRings = 4;     // the largest, and then the smallest
constexpr std::size_t kMostReordered = 4;  // devices whose every order is looked at
constexpr std::size_t kCrowded = 16;       // partials that are looked through before their number grows

std::uint64_t bytes_of(const Share& share) { return arena_total(arenas_of(share)).count; }

/// A stage, but for what all stages of a search have in common: there are thousands.
struct StageOption {
  Share host;
  double seconds = 0;
  std::int32_t first_block = 0;
  std::int32_t blocks = 0;
  std::int32_t device = 0;
  std::int32_t streamed_blocks = 0;
  RingShape ring;
  Home table = Home::device;
  bool from_host = false;

  StageChoice choice(const Candidate& shared) const {
    StageChoice choice{first_block, blocks, shared};
    choice.candidate.device = device;
    choice.candidate.streamed_blocks = streamed_blocks;
    choice.candidate.host_blocks = from_host ? streamed_blocks : 0;
    choice.candidate.chunk_bytes = ring.chunk_bytes;
    choice.candidate.slots = ring.slots;
    choice.candidate.table = table;
    return choice;
  }
};

StageOption option_of(const StageChoice& choice, const Share& host, double seconds) {
  const Candidate& candidate = choice.candidate;
  return {host,
          seconds,
          static_cast<std::int32_t>(choice.first_block),
          static_cast<std::int32_t>(choice.blocks),
          candidate.device,
          static_cast<std::int32_t>(candidate.streamed_blocks),
          {candidate.chunk_bytes, candidate.slots},
          candidate.table,
          candidate.host_blocks > 0};
}

/// The first stages of a plan, up to some unit.
struct Partial {
  Share host;
  std::uint64_t host_bytes = 0;
  double seconds = 0;
  std::size_t stages = 0;
  const Partial* before = nullptr;  // all but the last stage
  const StageOption* last = nullptr;
};

bool is_within(const Share& a, const Share& b) {
  return a.weights <= b.weights && a.activations <= b.activations && a.workspace <= b.workspace && a.ring <= b.ring && a.load <= b.load;
}

// Whatever a beaten option leads to, another does in less time and no more memory.
void drop_beaten(std::vector<StageOption>& options) {
  std::vector<StageOption> kept;
  for (const StageOption& option : options) {
    const bool beaten = std::any_of(options.begin(), options.end(), [&](const StageOption& other) {
      const bool before = &other < &option ? other.seconds <= option.seconds : other.seconds < option.seconds;
      return &other != &option && before && is_within(other.host, option.host);
    });
    if (!beaten) kept.push_back(option);
  }
  options.assign(kept.begin(), kept.end());
  options.shrink_to_fit();
}

// Keeps those that no other beats in both time and the host's memory, the fastest first.
void drop_beaten(std::vector<Partial>& partials) {
  std::ranges::stable_sort(partials, {}, [](const Partial& partial) { return std::pair(partial.seconds, partial.host_bytes); });
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  std::erase_if(partials, [&](const Partial& partial) {
    if (partial.host_bytes >= least) return true;
    least = partial.host_bytes;
    return false;
  });
}

// Of the rest, the fastest.
void trim(std::vector<Partial>& partials) {
  drop_beaten(partials);
  if (partials.size() > kMostPartials) {
    partials[kMostPartials - 1] = partials.back();  // the one that takes the least
    partials.resize(kMostPartials);
  }
  partials.shrink_to_fit();
}

}  // namespace

/// One pass and precision.
class Splitter::Search {
 public:
  Search(Splitter& splitter, const Candidate& shared, Goal goal)
      : splitter_(splitter),
        shared_(shared),
        goal_(goal),
        program_(*splitter.requests_.front().program),
        arenas_(splitter.requests_.size()) {
    if (!forbids(splitter.policy_, Rung::stream)) {
      const auto shapes = ring_shapes(splitter.policy_);
      rings_.assign(shapes.begin(), shapes.end());
      if (goal == Goal::least) rings_.erase(rings_.begin(), rings_.end() - 1);
      if (std::ssize(rings_) > kMostRings) rings_.erase(rings_.begin() + 1, rings_.end() - (kMostRings - 1));
      host_rings_ = rings_;
      if (goal == Goal::fastest) host_rings_.push_back(host_ring_shapes(splitter.policy_).front());
    }
    TagBytes beside{};
    add_host_arenas(splitter.requests_.front(), beside);
    beside_ = arena_total(beside);
    for (std::size_t stages = 0; stages <= units(); ++stages)
      runtimes_.push_back(stage_runtime(program_, std::max<std::size_t>(stages, 1)));
    streamable_ = streamable_blocks(program_, *splitter.requests_.front().binding);
  }

  /// Under these budgets. What is known of devices whose budgets are those of the last time is used again.
  std::optional<std::vector<StageChoice>> best(const Budgets& arenas) {
    std::erase_if(options_, [&](const auto& known) {
      const auto device = static_cast<std::size_t>(std::get<0>(known.first));
      return arenas[device] != arenas_[device];
    });
    arenas_ = arenas;
    std::vector<std::vector<Partial>> reached(taken_sets() * (units() + 1));  // one that was trimmed does not change any more
    const auto at = [&](std::size_t taken, std::size_t unit) -> std::vector<Partial>& { return reached[taken * (units() + 1) + unit]; };
    at(0, 0).push_back({});
    const Partial* fastest = nullptr;
    for (std::size_t taken = 0; taken < taken_sets(); ++taken) {
      for (std::size_t first = 0; first < units(); ++first) {
        trim(at(taken, first));
        if (at(taken, first).empty()) continue;
        for (const std::int32_t device : splitter_.order_) {
          if (!may_take(taken, device)) continue;
          for (std::size_t end = first + 1; end <= units(); ++end) {
            if (is_cancelled(splitter_.cancel_)) return {};
            extend(device, first, end, at(taken, first), at(with(taken, device), end));
          }
        }
      }
      trim(at(taken, units()));
      for (const Partial& whole : at(taken, units())) {
        if (fastest == nullptr || whole.seconds < fastest->seconds) fastest = &whole;
      }
    }
    if (fastest == nullptr) return {};
    std::vector<StageChoice> stages;
    for (const Partial* partial = fastest; partial->last != nullptr; partial = partial->before)
      stages.push_back(partial->last->choice(shared_));
    std::reverse(stages.begin(), stages.end());
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
        const Share host = join(partial.host, stage.host);
        const Partial longer{host, bytes_of(host), partial.seconds + stage.seconds, partial.stages + 1, &partial, &stage};
        if (Bytes{longer.host_bytes} + beside_ + runtimes_[longer.stages] > arenas_.front()) continue;
        if (after.size() >= kCrowded && after.size() == after.capacity()) drop_beaten(after);
        after.push_back(longer);
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
    if (!has_room_for_pass(first, end, choice)) return list;
    const std::int64_t streamable = std::count(streamable_.begin() + block, streamable_.begin() + block + choice.blocks, true);
    for (const Home table : tables(device, block)) {
      choice.candidate.table = table;
      if (try_stage(device, first, end, choice, list) && device > 0) continue;
      for (const RingShape& ring : device == 0 ? host_rings_ : rings_) {
        for (const bool from_host : {false, true}) {
          if (from_host ? device > 0 : splitter_.policy_.use_disk) stream(device, first, end, choice, ring, from_host, streamable, list);
        }
      }
    }
    drop_beaten(list);
    return list;
  }

  // For the values and workspace that a range needs wherever its weights are.
  bool has_room_for_pass(std::size_t first, std::size_t end, const StageChoice& choice) {
    Figures figures = sum(first, end, choice);
    figures.device = figures.host = figures.load_slot = 0;
    const auto device = static_cast<std::size_t>(choice.candidate.device);
    const Shares shares = shares_of(splitter_.requests_[device], choice.candidate, figures);
    return Bytes{bytes_of(device > 0 ? shares.device : shares.host)} <= arenas_[device];
  }

  void stream(std::int32_t device, std::size_t first, std::size_t end, StageChoice choice, const RingShape& ring, bool from_host,
              std::int64_t streamable, std::vector<StageOption>& list) {
    choice.candidate.chunk_bytes = ring.chunk_bytes;
    choice.candidate.slots = ring.slots;
    // The host's memory is shared by all stages: there, several numbers are left to choose from. Elsewhere, whole units
    // are added up: the first of a unit stands for all of them.
    const std::int64_t stride = device == 0 ? std::max<std::int64_t>(streamable / 4, 1) : splitter_.starts_[1];
    for (std::int64_t streamed = device == 0 ? stride : 1; streamed <= streamable; streamed += stride) {
      choice.candidate.streamed_blocks = streamed;
      choice.candidate.host_blocks = from_host ? streamed : 0;
      if (try_stage(device, first, end, choice, list) && device > 0) return;
    }
  }

  std::vector<Home> tables(std::int32_t device, std::int64_t block) const {
    if (block > 0 || forbids(splitter_.policy_, Rung::gather) || gatherable_table(program_, *splitter_.requests_.front().binding) == kNone)
      return {Home::device};
    std::vector<Home> homes = {Home::device};
    if (device > 0) homes.push_back(Home::host);
    if (splitter_.policy_.use_disk) homes.push_back(Home::disk);
    return homes;
  }

  // Adds the stage if it fits on its device. Of the host, that is known only with all stages.
  bool try_stage(std::int32_t device, std::size_t first, std::size_t end, const StageChoice& choice, std::vector<StageOption>& list) {
    const Figures figures = sum(first, end, choice);
    const LayoutRequest& request = splitter_.requests_[static_cast<std::size_t>(device)];
    const Shares shares = shares_of(request, choice.candidate, figures);
    if (device > 0 && arena_total(arenas_of(shares.device)) > arenas_[static_cast<std::size_t>(device)]) return false;
    const PassCopies copies{copies_at(device, first).in, copies_at(device, end).out};
    times_.clear();
    for (const Figures* unit : summed_) times_.insert(times_.end(), unit->times.begin(), unit->times.end());
    const double seconds = goal_ == Goal::fastest ? pass_seconds(times_, ring_time(request, choice.candidate), copies) : 0;
    list.push_back(option_of(choice, shares.host, seconds));
    return true;
  }

  // Of all but times. As the stage's own residency_order chooses, by units.
  Figures sum(std::size_t first, std::size_t end, const StageChoice& choice) {
    const std::vector<std::int64_t>& order = order_of(end - first, first);
    const std::int64_t per_unit = splitter_.starts_[1];
    const std::int64_t streamed = (choice.candidate.streamed_blocks + per_unit - 1) / per_unit;
    homes_.assign(end - first, Home::device);
    for (std::int64_t i = std::max<std::int64_t>(std::ssize(order) - streamed, 0); i < std::ssize(order); ++i)
      homes_[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = choice.candidate.host_blocks > 0 ? Home::host : Home::disk;
    Candidate resident = choice.candidate;
    resident.chunk_bytes = 0;
    resident.slots = 0;
    Row* const resident_row = &row(Home::device, resident);
    const Home elsewhere = choice.candidate.host_blocks > 0 ? Home::host : Home::disk;
    Row* const streamed_row = streamed > 0 ? &row(elsewhere, choice.candidate) : resident_row;
    Figures figures;
    summed_.clear();
    for (std::size_t u = first; u < end; ++u) {
      const bool stays = homes_[u - first] == Home::device;
      Row& its_row = *(stays ? resident_row : streamed_row);
      if (stays && streamed > 0) figures.widen(unit(u, elsewhere, choice.candidate, *streamed_row).ring);
      summed_.push_back(&unit(u, homes_[u - first], stays ? resident : choice.candidate, its_row));
      figures.add(*summed_.back());
    }
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

  /// Figures of units that all have one home, by number; those of the first by the word table's home, in its place and behind the last.
  using Row = std::vector<std::optional<Figures>>;

  Row& row(Home home, const Candidate& stage) {
    Row& row = rows_[{stage.device, home, stage.chunk_bytes, stage.slots}];
    if (row.empty()) row.resize(units() + 2);
    return row;
  }

  const Figures& unit(std::size_t number, Home home, const Candidate& stage, Row& row) {
    const Home table = number == 0 ? stage.table : Home::device;
    std::optional<Figures>& known = row[table == Home::device ? number : units() + (table == Home::host ? 0 : 1)];
    if (known) return *known;
    const std::int64_t first = splitter_.starts_[number];
    StageChoice choice{first, splitter_.starts_[number + 1] - first, stage};
    choice.candidate.table = table;
    const std::int64_t streamable = std::count(streamable_.begin() + first, streamable_.begin() + first + choice.blocks, true);
    choice.candidate.streamed_blocks = home == Home::device ? 0 : streamable;
    choice.candidate.host_blocks = home == Home::host ? streamable : 0;
    known = splitter_.estimator_.figures(choice);
    return *known;
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
  Goal goal_;
  const Program& program_;
  Budgets arenas_;
  Bytes beside_;                 // what the host holds besides stages
  std::vector<Bytes> runtimes_;  // what it takes for so many stages
  std::vector<RingShape> rings_;
  std::vector<RingShape> host_rings_;
  std::vector<bool> streamable_;        // by block
  std::vector<Home> homes_;             // of a range's units
  std::vector<const Figures*> summed_;  // likewise, what sum() added up
  std::vector<TimedBlocks> times_;      // of a range's blocks
  std::map<std::tuple<std::int32_t, std::size_t, std::size_t>, std::vector<StageOption>> options_;
  std::map<std::pair<std::size_t, std::size_t>, std::vector<std::int64_t>> orders_;
  std::map<std::tuple<std::int32_t, Home, std::uint64_t, std::int32_t>, Row> rows_;
  std::map<std::pair<std::int32_t, std::size_t>, PassCopies> copies_;
};

Splitter::Splitter(const std::vector<LayoutRequest>& requests, const Policy& policy, std::vector<bool> may_use, const CancelToken* cancel)
    : requests_(requests), policy_(policy), cancel_(cancel), estimator_(requests) {
  for (std::size_t d = 1; d < requests.size(); ++d) {
    if (may_use[d]) order_.push_back(static_cast<std::int32_t>(d));
  }
  const auto rate = [&](std::int32_t d) { return requests_[static_cast<std::size_t>(d)].device->float32_flops; };
  std::stable_sort(order_.begin(), order_.end(), [&](std::int32_t a, std::int32_t b) { return rate(a) > rate(b); });
  if (may_use[0]) order_.push_back(0);
  const std::int64_t blocks = std::ssize(requests.front().program->blocks);
  const std::int64_t units = blocks > 4 * kMostUnits ? kUnitsOfVeryDeep : kMostUnits;
  const std::int64_t stride = (blocks + units - 1) / units;
  for (std::int64_t block = 0; block < blocks; block += stride) starts_.push_back(block);
  starts_.push_back(blocks);
}

Splitter::~Splitter() = default;

std::optional<std::vector<StageChoice>> Splitter::split(const Candidate& shared, const Budgets& arenas) {
  auto stages = Search(*this, shared, Goal::fastest).best(arenas);
  return stages ? std::move(stages) : Search(*this, shared, Goal::least).best(arenas);
}

bool Splitter::can_split(const Candidate& shared, const Budgets& arenas) {
  std::unique_ptr<Search>& search = least_[&shared];
  if (!search) search = std::make_unique<Search>(*this, shared, Goal::least);
  return search->best(arenas).has_value();
}

}  // namespace plimsoll
