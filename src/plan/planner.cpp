#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <numeric>

#include <plimsoll/plan.h>

#include "plan/candidates/candidate.h"
#include "plan/candidates/description.h"
#include "plan/check_request.h"
#include "plan/cost/cost.h"
#include "plan/cost/estimate.h"
#include "plan/model_shape.h"
#include "plan/plan_sizes.h"
#include "plan/sacrifices.h"
#include "plan/stages/device_map.h"
#include "plan/stages/fill.h"
#include "plan/stages/option.h"
#include "plan/stages/split.h"

namespace plimsoll {
namespace {

class Planner {
 public:
  Planner(const Model& model, const Snapshot& machine, const Workload& workload, const Policy& policy, const CancelToken* cancel)
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

  /// Lists the options. Fails with `usage` where the policy names what there is not, and with `cancelled`.
  Status enumerate() {
    PLIMSOLL_CHECK(list_options());
    return cancelled();
  }

  Result<Plan> plan() {
    Plan plan = plan_best();
    PLIMSOLL_CHECK(cancelled());
    return plan;
  }

  Result<Alternative> alternative() {
    Alternative found = best_alternative();
    PLIMSOLL_CHECK(cancelled());
    return found;
  }

 private:
  Status cancelled() const {
    if (is_cancelled(cancel_)) return Error{ErrorCode::cancelled, "stopped while planning"};
    return {};
  }

  Status list_options() {
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
    if (may_divide && !options_.empty() && !fits(*best(Budgets(devices_.size(), kNoLimit)), budgets_)) divide();
    if (!options_.empty() || is_cancelled(cancel_)) return {};
    std::string names;
    for (const DeviceDescription& device : devices_) names += (names.empty() ? "" : ", ") + device.name;
    return Error{ErrorCode::usage, "there is no device " + policy_.device, "--device", "there are " + names};
  }

  Plan plan_best() {
    const Option& unlimited = *best(Budgets(devices_.size(), kNoLimit));
    const Option* fitting = best(budgets_);
    const Option& chosen = fitting != nullptr ? *fitting : *nearest();
    StagedLayout layout = lay_out_stages(requests_, chosen.stages);
    Plan plan = describe(chosen, layout);
    plan.sacrifices = list_sacrifices(requests_, budgets_, chosen, unlimited);
    plan.verdict = fitting == nullptr ? Verdict::does_not_fit : plan.sacrifices.empty() ? Verdict::fits : Verdict::fits_degraded;
    plan.smallest_budget = smallest_budget();
    plan.full_speed_budget = smallest(
        [&](const Option& option) { return option.shared().loss <= unlimited.shared().loss && option.seconds <= 1.1 * unlimited.seconds; });
    for (Stage& stage : layout.stages) {
      stage.schedule.model_shape = model_shape(model_.program(), model_.binding());
      stage.schedule.plan_sizes = plan_sizes(plan);
    }
    plan.stages = std::make_shared<const std::vector<Stage>>(std::move(layout.stages));
    plan.schedule = std::shared_ptr<const Schedule>(plan.stages, &plan.stages->front().schedule);
    return plan;
  }

  Alternative best_alternative() {
    const Option* fitting = best(budgets_);
    const Option& chosen = fitting != nullptr ? *fitting : *nearest();
    const bool degraded =
        fitting != nullptr && !list_sacrifices(requests_, budgets_, chosen, *best(Budgets(devices_.size(), kNoLimit))).empty();
    return {chosen.shared().storage,
            chosen.shared().compute,
            device(chosen).name,
            fitting == nullptr ? Verdict::does_not_fit
            : degraded         ? Verdict::fits_degraded
                               : Verdict::fits,
            chosen.total(chosen.shared().device),
            chosen.pass,
            smallest_budget()};
  }

  static constexpr Bytes kNoLimit{std::numeric_limits<std::uint64_t>::max()};

  bool any_device() const { return policy_.device.empty() || policy_.device == "auto"; }

  bool may_compute(std::int32_t d) const {
    if (!any_device()) return policy_.device == devices_[static_cast<std::size_t>(d)].name;
    return d > 0 || devices_.size() == 1 || !forbids(policy_, Rung::cpu);
  }

  bool native_bfloat16(const std::vector<BlockPlace>& places) const {
    return std::all_of(places.begin(), places.end(),
                       [&](const BlockPlace& place) { return devices_[static_cast<std::size_t>(place.device)].native_bfloat16; });
  }

  bool native_bfloat16_everywhere() const {
    return std::all_of(devices_.begin(), devices_.end(), [](const DeviceDescription& device) { return device.native_bfloat16; });
  }

  // Passes and precisions that several stages can have in common: those of a part of the blocks are left out.
  std::vector<Candidate> for_all_blocks(bool native) const {
    std::vector<Candidate> list = resident_candidates(model_.program(), model_.binding(), workload_, policy_, native);
    std::erase_if(list, [&](const Candidate& candidate) {
      return candidate.narrowing && candidate.narrowed_blocks < std::ssize(model_.program().blocks);
    });
    return list;
  }

  // Everything is where the map says; what is open are the pass, the precision and the ring.
  Status follow_map() {
    PLIMSOLL_TRY(const MappedBlocks mapped, follow_modules(policy_.device_map, requests_.front(), devices_));
    const bool streamed = streams(mapped, requests_.front());
    if (streamed && forbids(policy_, Rung::stream))
      return Error{ErrorCode::usage, "the device map keeps weights away from the device that computes", policy_.device_map.source,
                   "leave out --forbid stream and --strict-fit, or give every module a device"};
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
  void divide() {
    std::vector<bool> may_use(devices_.size());
    for (std::size_t d = 0; d < devices_.size(); ++d) may_use[d] = may_compute(static_cast<std::int32_t>(d)) && budgets_[d].count > 0;
    splitter_ = std::make_unique<Splitter>(requests_, policy_, may_use, cancel_);
    dividable_ = for_all_blocks(native_bfloat16_everywhere());
    for (const Candidate& shared : dividable_) {
      std::optional<std::vector<StageChoice>> stages = splitter_->split(shared, arenas_within(budgets_));
      if (!stages || stages->size() == 1) continue;
      estimator_.emplace(requests_);  // no two divisions have many stages in common
      add(std::move(*stages));
    }
  }

  // In the map's order: for each pass, precision and ring what comes of these budgets, and of unlimited ones to compare it with.
  void fill() {
    const bool native =
        std::all_of(devices_.begin(), devices_.end(), [](const DeviceDescription& device) { return device.native_bfloat16; });
    const Budgets arenas = arenas_to_fill(budgets_);
    const Budgets unlimited(devices_.size(), kNoLimit);
    Filler filler(requests_, policy_, arenas, cancel_);
    Filler unlimited_filler(requests_, policy_, unlimited, cancel_);
    for (const Candidate& shared : resident_candidates(model_.program(), model_.binding(), workload_, policy_, native)) {
      if (shared.narrowing && shared.narrowed_blocks < std::ssize(model_.program().blocks)) continue;
      dividable_.push_back(shared);
      for (const RingShape& ring : ring_shapes(policy_)) {
        if (is_cancelled(cancel_)) return;
        add(filler.fill(shared, ring));
      }
      add(unlimited_filler.fill(shared, ring_shapes(policy_).front()));
    }
  }

  // What budgets leave for arenas.
  Budgets arenas_within(const Budgets& budgets) const {
    Budgets arenas;
    for (std::size_t d = 0; d < budgets.size(); ++d) arenas.push_back(saturating_sub(budgets[d], devices_[d].runtime));
    return arenas;
  }

  // Likewise, where how many stages come of it is not known: a device may have one more for what is left.
  Budgets arenas_to_fill(const Budgets& budgets) const {
    Budgets arenas = arenas_within(budgets);
    arenas[0] = saturating_sub(arenas[0], stage_runtime(model_.program(), devices_.size()));
    return arenas;
  }

  Option option_of(std::vector<StageChoice> stages) {
    const StagedFigures found = estimator_->estimate(stages);
    std::vector<Bytes> totals = found.arenas;
    totals[0] += devices_[0].runtime + stage_runtime(model_.program(), stages.size());
    for (std::size_t d = 1; d < totals.size(); ++d) totals[d] += totals[d].count > 0 ? devices_[d].runtime : Bytes{};
    const double seconds = workload_seconds(found.pass_seconds, stages.front().candidate, workload_);
    return {std::move(stages), std::move(totals), found.pass_seconds, seconds};
  }

  void evaluate(std::int32_t d) {
    if (!may_compute(d)) return;
    const DeviceDescription& computing = devices_[static_cast<std::size_t>(d)];
    Estimator estimator(requests_[static_cast<std::size_t>(d)]);
    Movable movable = find_movable(model_.program(), model_.binding());
    movable.steps = steps_to_try();
    const std::vector<Candidate> residents =
        resident_candidates(model_.program(), model_.binding(), workload_, policy_, computing.native_bfloat16, d);
    std::vector<std::vector<Option>> ways(residents.size());
    for (const std::size_t i : by_size(residents)) {
      for (const Candidate& candidate : placements(residents[i], movable, policy_)) {
        if (is_cancelled(cancel_)) return;
        ways[i].push_back(option_of(estimator.estimate(candidate), candidate));
      }
      drop_beaten(ways[i]);
    }
    for (std::vector<Option>& list : ways) std::move(list.begin(), list.end(), std::back_inserter(options_));
  }

  // Their numbers, in the order in which an Estimator takes the least time.
  static std::vector<std::size_t> by_size(const std::vector<Candidate>& residents) {
    std::vector<std::size_t> order(residents.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto size = [&](std::size_t i) { return std::pair(residents[i].tokens_per_pass, residents[i].texts_per_pass); };
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return size(a) > size(b); });
    return order;
  }

  // Fewer where many blocks, passes and devices come together, so that the work stays bounded.
  std::int64_t steps_to_try() const {
    static constexpr std::int64_t kMost = 64;
    static constexpr std::int64_t kLeast = 12;
    static constexpr std::int64_t kWork = 1 << 18;
    const std::int64_t work = std::ssize(model_.program().blocks) * std::ssize(for_all_blocks(false)) * std::ssize(devices_);
    return std::clamp(kWork / std::max<std::int64_t>(work, 1), kLeast, kMost);
  }

  // Of one stage.
  Option option_of(const Estimate& found, const Candidate& candidate) const {
    std::vector<Bytes> totals(devices_.size());
    totals[0] = found.host + devices_[0].runtime;
    const auto d = static_cast<std::size_t>(candidate.device);
    if (d > 0) totals[d] = found.device + devices_[d].runtime;
    return {{{0, std::ssize(model_.program().blocks), candidate}},
            std::move(totals),
            found.seconds,
            workload_seconds(found.seconds, candidate, workload_)};
  }

  void add(std::vector<StageChoice> stages) { options_.push_back(option_of(std::move(stages))); }

  const DeviceDescription& device(const Option& option) const { return devices_[static_cast<std::size_t>(option.shared().device)]; }

  bool better(const Option& a, const Option& b) const {
    if (!policy_.prefer_speed && a.shared().loss != b.shared().loss) return a.shared().loss < b.shared().loss;
    if (a.seconds != b.seconds) return a.seconds < b.seconds;
    if (a.streamed() != b.streamed()) return a.streamed() < b.streamed();  // copies that hide behind compute are work all the same
    return a.sum() < b.sum();
  }

  const Option* best(const Budgets& budgets) const {
    const Option* found = nullptr;
    for (const Option& option : options_) {
      if (fits(option, budgets) && (found == nullptr || better(option, *found))) found = &option;
    }
    return found;
  }

  // What comes nearest to fitting: the least missing in all.
  const Option* nearest() const {
    const auto missing = [&](const Option& option) {
      Bytes sum;
      for (std::int32_t d = 0; d < std::ssize(devices_); ++d) sum += saturating_sub(option.total(d), budgets_[static_cast<std::size_t>(d)]);
      return std::pair(sum, option.sum());
    };
    return &*std::min_element(options_.begin(), options_.end(), [&](const Option& a, const Option& b) { return missing(a) < missing(b); });
  }

  // Of each device that is used, the least budget with which one of the wanted options fits, the others as they are; a device for which
  // none would do is left out.
  template <typename Wanted>
  std::vector<DeviceBytes> smallest(Wanted wanted) const {
    std::vector<DeviceBytes> list;
    for (std::int32_t d = 0; d < std::ssize(devices_); ++d) {
      std::optional<Bytes> least;
      for (const Option& option : options_) {
        const Bytes total = option.total(d);
        if (total.count > 0 && wanted(option) && fits(option, budgets_, d) && (!least || total < *least)) least = total;
      }
      if (least) list.push_back({devices_[static_cast<std::size_t>(d)].name, *least});
    }
    return list;
  }

  // Where budgets decide what goes where, less of one device may do: where devices are filled, or weights divided that cannot stream.
  std::vector<DeviceBytes> smallest_budget() {
    std::vector<DeviceBytes> list = smallest([](const Option&) { return true; });
    const DeviceMap::Kind kind = policy_.device_map.kind;
    const bool filled = kind != DeviceMap::Kind::automatic && kind != DeviceMap::Kind::modules;
    if (!filled && (splitter_ == nullptr || !forbids(policy_, Rung::stream))) return list;
    std::vector<DeviceBytes> refined;
    for (std::int32_t d = 0; d < std::ssize(devices_); ++d) {
      const std::string& name = devices_[static_cast<std::size_t>(d)].name;
      const auto known = std::find_if(list.begin(), list.end(), [&](const DeviceBytes& least) { return least.device == name; });
      const std::optional<Bytes> least = least_divided(d, known != list.end() ? std::optional(known->bytes) : std::nullopt);
      if (least && least->count > 0) refined.push_back({name, *least});  // of no memory: it can be done without
    }
    return refined;
  }

  // Whether anything that budgets decide comes of these, for the smallest pass of a precision.
  bool is_possible(const Candidate& shared, const Budgets& budgets) {
    if (splitter_ != nullptr) return splitter_->split(shared, arenas_within(budgets)).has_value();
    const Budgets arenas = arenas_to_fill(budgets);
    Filler filler(requests_, policy_, arenas, cancel_);
    return fits(option_of(filler.fill(shared, ring_shapes(policy_).back())), budgets);
  }

  // The least budget of device `d`, at most `known`, with which the program can be divided, the others as they are; `known` if none is
  // less.
  std::optional<Bytes> least_divided(std::int32_t d, std::optional<Bytes> known) {
    Budgets budgets = budgets_;
    const auto possible = [&](std::uint64_t pages) {
      budgets[static_cast<std::size_t>(d)] = kPage * pages;
      return std::any_of(dividable_.begin(), dividable_.end(), [&](const Candidate& shared) {
        const bool smallest_pass = &shared == &dividable_.back() || (&shared)[1].tokens_per_pass > shared.tokens_per_pass;
        return smallest_pass && is_possible(shared, budgets);
      });
    };
    const Bytes all = best(Budgets(devices_.size(), kNoLimit))->sum();
    std::uint64_t enough = known.value_or(all + all).count / kPage.count;
    if (!known && !possible(enough)) return {};
    for (std::uint64_t low = 0; low < enough && !is_cancelled(cancel_);) {
      const std::uint64_t middle = low + (enough - low) / 2;
      if (possible(middle)) enough = middle;
      else low = middle + 1;
    }
    return kPage * enough;
  }

  Plan describe(const Option& chosen, const StagedLayout& layout) const {
    Plan plan;
    plan.model = model_.name();
    plan.arch = model_.arch();
    plan.task = model_.task();
    plan.dtype = chosen.shared().storage;
    plan.compute_dtype = chosen.shared().compute;
    plan.warnings = model_.warnings();
    plan.workload = workload_;
    plan.tokens_per_pass = chosen.shared().tokens_per_pass;
    plan.texts_per_pass = chosen.shared().texts_per_pass;
    for (std::int32_t d = 0; d < std::ssize(devices_); ++d) {
      const DeviceDescription& one = devices_[static_cast<std::size_t>(d)];
      const Bytes budget = budgets_[static_cast<std::size_t>(d)];
      const TagBytes& arenas = layout.arenas[static_cast<std::size_t>(d)];
      plan.devices.push_back({one.name, one.total, one.free, budget, budget < one.free ? "--max-memory" : one.free_set_by, arenas,
                              saturating_sub(chosen.total(d), arena_total(arenas))});
    }
    plan.load_seconds = layout.load_seconds;
    plan.pass_seconds = chosen.pass;
    plan.threads = devices_[0].threads;
    plan.rates_source = device(chosen).rates_source;
    plan.isa = devices_[0].isa;
    for (std::size_t s = 0; s < layout.stages.size(); ++s) describe_layers(chosen.stages[s], layout.stages[s].schedule, plan);
    return plan;
  }

  // Where each block's weights are: the furthest home of any of them.
  void describe_layers(const StageChoice& stage, const Schedule& schedule, Plan& plan) const {
    const std::string& computing = devices_[static_cast<std::size_t>(stage.candidate.device)].name;
    for (std::int64_t b = 0; b < stage.blocks; ++b) {
      const Block& block = model_.program().blocks[static_cast<std::size_t>(stage.first_block + b)];
      Bytes bytes;
      Home home = Home::device;
      for (const Op& op : block.ops) {
        for (const WeightId id : op_weights(op)) {
          const PlannedWeight& weight = schedule.weights[static_cast<std::size_t>(id)];
          bytes += Bytes{align_place(weight.bytes + policy_.red_zone_bytes)};
          home = std::max(home, weight.home);
        }
      }
      const ElementType type = block_storage(stage.candidate, b, stage.blocks);
      const std::string where = home == Home::disk ? "disk" : home == Home::host ? devices_[0].name : computing;
      plan.layers.push_back({block.name, bytes, where, computing, type, stage.candidate.compute});
    }
  }

  const Model& model_;
  const Workload& workload_;
  const Policy& policy_;
  const CancelToken* cancel_;  // may be null
  std::vector<DeviceDescription> devices_;
  Budgets budgets_;
  std::vector<LayoutRequest> requests_;  // by the device that computes
  std::optional<StageEstimator> estimator_{requests_};
  std::unique_ptr<Splitter> splitter_;  // where it was worth while
  std::vector<Candidate> dividable_;    // what it divided
  std::vector<Option> options_;
};

// What was looked at is gone with the planner, before it looks at other precisions.
Result<Plan> plan_as_asked(const Model& model, const Snapshot& machine, const Workload& workload, const Policy& policy,
                           const CancelToken* cancel) {
  Planner planner(model, machine, workload, policy, cancel);
  PLIMSOLL_CHECK(planner.enumerate());
  return planner.plan();
}

// Whether weights held as `policy` asks are what the plan has already, whichever device computes.
bool is_as_planned(const Model& model, const Workload& workload, const Policy& policy, const Plan& plan) {
  for (const bool native_bfloat16 : {false, true}) {
    for (const Candidate& one : resident_candidates(model.program(), model.binding(), workload, policy, native_bfloat16)) {
      if (one.storage != plan.dtype || one.compute != plan.compute_dtype) return false;
    }
  }
  return true;
}

// One for each precision that comes to something else than the plan.
Result<std::vector<Alternative>> alternatives(const Model& model, const Snapshot& machine, const Workload& workload, const Policy& policy,
                                              const Plan& plan, const CancelToken* cancel) {
  std::vector<Alternative> list;
  for (const ElementType dtype : kStorageTypes) {
    Policy other = policy;
    other.dtype = dtype;
    other.allow.clear();
    if (is_as_planned(model, workload, other, plan)) continue;
    Planner planner(model, machine, workload, other, cancel);
    const Status listed = planner.enumerate();
    if (!listed.ok() && listed.error().code == ErrorCode::cancelled) return listed.error();
    if (!listed.ok()) continue;
    PLIMSOLL_TRY(const Alternative found, planner.alternative());
    if (found.dtype != plan.dtype || found.compute_dtype != plan.compute_dtype) list.push_back(found);
  }
  return list;
}

}  // namespace

Result<Plan> make_plan(const Model& model, const Snapshot& machine, const Workload& workload, const Policy& policy,
                       const CancelToken* cancel) try {
  PLIMSOLL_CHECK(check_request(model, machine, workload, policy));
  PLIMSOLL_TRY(Plan plan, plan_as_asked(model, machine, workload, policy, cancel));
  PLIMSOLL_TRY(plan.alternatives, alternatives(model, machine, workload, policy, plan, cancel));
  return plan;
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

}  // namespace plimsoll
