#include "plan/option_list.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

#include "plan/candidates/candidate.h"
#include "plan/cost/cost.h"
#include "plan/stages/fill.h"

namespace plimsoll {
namespace {

// Their numbers, in the order in which an Estimator takes the least time.
std::vector<std::size_t> by_size(const std::vector<Candidate>& residents) {
  std::vector<std::size_t> order(residents.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto size = [&](std::size_t i) { return std::pair(residents[i].tokens_per_pass, residents[i].texts_per_pass); };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return size(a) > size(b); });
  return order;
}

}  // namespace

OptionList::OptionList(const Model& model, const Snapshot& machine, const Workload& workload, const Policy& policy,
                       const CancelToken* cancel)
    : model_(model), workload_(workload), policy_(policy), cancel_(cancel) {
  devices_.push_back(describe_cpu(machine, model.program(), name_bytes(model.labels())));
  budgets_.push_back(policy.max_memory ? std::min(*policy.max_memory, devices_[0].free) : devices_[0].free);
  for (const Accelerator& accelerator : machine.accelerators) {
    devices_.push_back(describe_accelerator(machine, accelerator));
    budgets_.push_back(accelerator.usable());
  }
  for (const DeviceDescription& device : devices_)
    requests_.push_back(
        {&model.program(), &model.binding(), &device, devices_.data(), workload, model.table_bytes(), policy.red_zone_bytes});
}

Status OptionList::list() {
  const bool by_map = policy_.device_map.kind != DeviceMap::Kind::automatic;
  if (by_map && !any_device())
    return Error{ErrorCode::usage, "a device map and one device that computes", "--device", "give one of --device and --device-map"};
  if (policy_.device_map.kind == DeviceMap::Kind::modules) return follow_map();
  if (by_map) {
    fill();
    return {};
  }
  for (std::int32_t d = 0; d < std::ssize(devices_); ++d) evaluate(d);
  const bool may_divide = any_device() && devices_.size() > 1 && !policy_.stream_everything;
  if (may_divide && !options_.empty() && !fits(best_of_all(), budgets_)) divide();
  if (!options_.empty() || is_cancelled(cancel_)) return {};
  std::string names;
  for (const DeviceDescription& device : devices_) names += (names.empty() ? "" : ", ") + device.name;
  return Error{ErrorCode::usage, "there is no device " + policy_.device, "--device", "there are " + names};
}

bool OptionList::may_compute(std::int32_t d) const {
  if (!any_device()) return policy_.device == device(d).name;
  return d > 0 || devices_.size() == 1 || !forbids(policy_, Rung::cpu);
}

bool OptionList::native_bfloat16(const std::vector<BlockPlace>& places) const {
  return std::all_of(places.begin(), places.end(), [&](const BlockPlace& place) { return device(place.device).native_bfloat16; });
}

bool OptionList::native_bfloat16_everywhere() const {
  return std::all_of(devices_.begin(), devices_.end(), [](const DeviceDescription& device) { return device.native_bfloat16; });
}

// Passes and precisions that several stages can have in common: those of a part of the blocks are left out.
std::vector<Candidate> OptionList::for_all_blocks(bool native) const {
  std::vector<Candidate> list = resident_candidates(model_.program(), model_.binding(), workload_, policy_, native);
  std::erase_if(list, [&](const Candidate& candidate) {
    return candidate.narrowing && candidate.narrowed_blocks < std::ssize(model_.program().blocks);
  });
  return list;
}

// Everything is where the map says; what is open are the pass, the precision and the ring.
Status OptionList::follow_map() {
  PLIMSOLL_TRY(const MappedBlocks mapped, follow_modules(policy_.device_map, requests_.front(), devices_));
  const bool streamed = streams(mapped, requests_.front());
  const bool gathered = mapped.table != Home::device;
  if ((streamed && forbids(policy_, Rung::stream)) || (gathered && forbids(policy_, Rung::gather)))
    return Error{ErrorCode::usage, "the device map keeps weights away from the device that computes", policy_.device_map.source,
                 "leave out --forbid stream,gather and --strict-fit, or give every module a device that computes"};
  const bool on_disk = mapped.table == Home::disk || std::ranges::count(mapped.blocks, Home::disk, &BlockPlace::home) > 0;
  if (on_disk && !policy_.use_disk)
    return Error{ErrorCode::usage, "the device map keeps weights on disk", policy_.device_map.source,
                 "leave out --max-memory disk=0, or give every module a device"};
  for (const Candidate& shared : for_all_blocks(native_bfloat16(mapped.blocks))) {
    for (const RingShape& ring : ring_shapes(policy_)) {
      if (is_cancelled(cancel_)) return {};
      add(mapped_stages(mapped, requests_.front(), shared, ring));
      if (!streamed) break;
    }
  }
  return {};
}

// Where the fastest way does not fit on one device: for each pass and precision, the best that several make of it together.
void OptionList::divide() {
  std::vector<bool> may_use(devices_.size());
  for (std::size_t d = 0; d < devices_.size(); ++d) may_use[d] = may_compute(static_cast<std::int32_t>(d)) && budgets_[d].count > 0;
  splitter_ = std::make_unique<Splitter>(requests_, policy_, may_use, cancel_);
  dividable_ = for_all_blocks(native_bfloat16_everywhere());
  for (const Candidate& shared : dividable_) {
    std::optional<std::vector<StageChoice>> stages = splitter_->split(shared, arenas_within(budgets_));
    if (!stages || (stages->size() == 1 && best(budgets_) != nullptr)) continue;  // that way is listed, or a better one
    add(std::move(*stages));
  }
}

// In the map's order: for each pass, precision and ring what comes of these budgets, and of unlimited ones to compare it with.
void OptionList::fill() {
  const Budgets arenas = arenas_to_fill(budgets_);
  const Budgets unlimited(devices_.size(), kNoLimit);
  Filler filler(requests_, policy_, arenas, cancel_);
  Filler unlimited_filler(requests_, policy_, unlimited, cancel_);
  dividable_ = for_all_blocks(native_bfloat16_everywhere());
  for (const Candidate& shared : dividable_) {
    if (is_cancelled(cancel_)) return;
    for (std::vector<StageChoice>& stages : filler.fill(shared, ring_shapes(policy_))) add(std::move(stages));
    for (std::vector<StageChoice>& stages : unlimited_filler.fill(shared, ring_shapes(policy_).first(1))) add(std::move(stages));
  }
}

// What budgets leave for arenas.
Budgets OptionList::arenas_within(const Budgets& budgets) const {
  Budgets arenas;
  for (std::size_t d = 0; d < budgets.size(); ++d) arenas.push_back(saturating_sub(budgets[d], devices_[d].runtime));
  return arenas;
}

// Likewise, where how many stages come of it is not known: a device may have one more for what is left.
Budgets OptionList::arenas_to_fill(const Budgets& budgets) const {
  Budgets arenas = arenas_within(budgets);
  arenas[0] = saturating_sub(arenas[0], stage_runtime(model_.program(), devices_.size()));
  return arenas;
}

Option OptionList::option_of(std::vector<StageChoice> stages) {
  const StagedFigures found = estimator_.estimate(stages);
  std::vector<Bytes> totals = found.arenas;
  totals[0] += devices_[0].runtime + stage_runtime(model_.program(), stages.size());
  for (std::size_t d = 1; d < totals.size(); ++d) totals[d] += totals[d].count > 0 ? devices_[d].runtime : Bytes{};
  const double seconds = workload_seconds(found.pass_seconds, stages.front().candidate, workload_);
  return {std::move(stages), std::move(totals), found.pass_seconds, seconds};
}

void OptionList::evaluate(std::int32_t d) {
  if (!may_compute(d)) return;
  Movable movable = find_movable(model_.program(), model_.binding());
  movable.steps = steps_to_try();
  const std::vector<Candidate> residents =
      resident_candidates(model_.program(), model_.binding(), workload_, policy_, device(d).native_bfloat16, d);
  std::vector<std::vector<Option>> ways(residents.size());
  for (const std::size_t i : by_size(residents)) {
    for (const Candidate& candidate : placements(residents[i], movable, policy_)) {
      if (is_cancelled(cancel_)) return;
      ways[i].push_back(option_of({{0, movable.blocks, candidate}}));
    }
    drop_beaten(ways[i]);
  }
  for (std::vector<Option>& list : ways) std::move(list.begin(), list.end(), std::back_inserter(options_));
}

// Fewer where many blocks, passes and devices come together, so that the work stays bounded.
std::int64_t OptionList::steps_to_try() const {
  static constexpr std::int64_t kMost = 64;
  static constexpr std::int64_t kLeast = 12;
  static constexpr std::int64_t kWork = 1 << 18;
  const std::int64_t work = std::ssize(model_.program().blocks) * std::ssize(for_all_blocks(false)) * std::ssize(devices_);
  return std::clamp(kWork / std::max<std::int64_t>(work, 1), kLeast, kMost);
}

bool OptionList::better(const Option& a, const Option& b) const {
  if (!policy_.prefer_speed && a.shared().loss != b.shared().loss) return a.shared().loss < b.shared().loss;
  if (a.seconds != b.seconds) return a.seconds < b.seconds;
  if (a.streamed() != b.streamed()) return a.streamed() < b.streamed();  // copies that hide behind compute are work all the same
  return a.sum() < b.sum();
}

const Option* OptionList::best(const Budgets& budgets) const {
  const Option* found = nullptr;
  for (const Option& option : options_) {
    if (fits(option, budgets) && (found == nullptr || better(option, *found))) found = &option;
  }
  return found;
}

const Option& OptionList::nearest() const {
  const auto missing = [&](const Option& option) {
    Bytes sum;
    for (std::int32_t d = 0; d < std::ssize(devices_); ++d) sum += saturating_sub(option.total(d), budgets_[static_cast<std::size_t>(d)]);
    return std::pair(sum, option.sum());
  };
  return *std::min_element(options_.begin(), options_.end(), [&](const Option& a, const Option& b) { return missing(a) < missing(b); });
}

bool OptionList::is_possible(const Candidate& shared, const Budgets& budgets) {
  if (splitter_ != nullptr) return splitter_->can_split(shared, arenas_within(budgets));
  const Budgets arenas = arenas_to_fill(budgets);
  Filler filler(requests_, policy_, arenas, cancel_);
  return fits(option_of(filler.fill(shared, ring_shapes(policy_).last(1)).front()), budgets);
}

bool OptionList::is_filled() const {
  const DeviceMap::Kind kind = policy_.device_map.kind;
  return kind != DeviceMap::Kind::automatic && kind != DeviceMap::Kind::modules;
}

// For the smallest pass of some precision.
bool OptionList::is_possible(const Budgets& budgets) {
  return std::any_of(dividable_.begin(), dividable_.end(),
                     [&](const Candidate& shared) { return is_smallest_pass(shared) && is_possible(shared, budgets); });
}

bool OptionList::is_certain(const Budgets& budgets) {
  if (splitter_ == nullptr) return is_possible(budgets);
  return std::any_of(dividable_.begin(), dividable_.end(), [&](const Candidate& shared) {
    if (!is_smallest_pass(shared)) return false;
    std::optional<std::vector<StageChoice>> stages = splitter_->split(shared, arenas_within(budgets));
    return stages && fits(option_of(std::move(*stages)), budgets);
  });
}

// Of those of one precision, which follow each other.
bool OptionList::is_smallest_pass(const Candidate& dividable) const {
  return &dividable == &dividable_.back() || (&dividable)[1].tokens_per_pass > dividable.tokens_per_pass;
}

}  // namespace plimsoll
