#include <algorithm>

#include <plimsoll/plan.h>

#include "plan/candidates/candidate.h"
#include "plan/check_request.h"
#include "plan/could_hold.h"
#include "plan/model_shape.h"
#include "plan/option_list.h"
#include "plan/plan_sizes.h"
#include "plan/sacrifices.h"

namespace plimsoll {
namespace {

/// Chooses among the ways that there are.
class Planner {
 public:
  Planner(const Model& model, const Snapshot& machine, const Workload& workload, const Policy& policy, const CancelToken* cancel)
      : model_(model), workload_(workload), policy_(policy), list_(model, machine, workload, policy, cancel) {}

  /// Before anything else. Fails with `usage` where the policy names what there is not, and with `cancelled`.
  Status enumerate() {
    PLIMSOLL_CHECK(list_.list());
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
    if (is_cancelled(list_.cancel())) return Error{ErrorCode::cancelled, "stopped while planning"};
    return {};
  }

  Plan plan_best() {
    const Option& unlimited = list_.best_of_all();
    const Option* fitting = list_.best(list_.budgets());
    const Option& chosen = fitting != nullptr ? *fitting : list_.nearest();
    StagedLayout layout = lay_out_stages(list_.requests(), chosen.stages);
    Plan plan = describe(chosen, layout);
    plan.sacrifices = list_sacrifices(list_.requests(), list_.budgets(), chosen, unlimited);
    plan.verdict = fitting == nullptr ? Verdict::does_not_fit : plan.sacrifices.empty() ? Verdict::fits : Verdict::fits_degraded;
    plan.smallest_budget = smallest_budget();
    plan.full_speed_budget = attainable(smallest([&](const Option& option) {
      return option.shared().loss <= unlimited.shared().loss && option.seconds <= 1.1 * unlimited.seconds;
    }));
    for (Stage& stage : layout.stages) {
      stage.schedule.model_shape = model_shape(model_.program(), model_.binding());
      stage.schedule.plan_sizes = plan_sizes(plan);
    }
    plan.stages = std::make_shared<const std::vector<Stage>>(std::move(layout.stages));
    plan.schedule = std::shared_ptr<const Schedule>(plan.stages, &plan.stages->front().schedule);
    return plan;
  }

  Alternative best_alternative() {
    const Option* fitting = list_.best(list_.budgets());
    const Option& chosen = fitting != nullptr ? *fitting : list_.nearest();
    const bool degraded = fitting != nullptr && !list_sacrifices(list_.requests(), list_.budgets(), chosen, list_.best_of_all()).empty();
    return {*policy_.dtype,
            chosen.shared().storage,
            chosen.shared().compute,
            list_.device(chosen.shared().device).name,
            fitting == nullptr ? Verdict::does_not_fit
            : degraded         ? Verdict::fits_degraded
                               : Verdict::fits,
            chosen.total(chosen.shared().device),
            chosen.pass,
            smallest_budget()};
  }

  // Of each device that is used, the least budget with which one of the wanted options fits, the others as they are; a device for which
  // none would do is left out.
  template <typename Wanted>
  std::vector<DeviceBytes> smallest(Wanted wanted) const {
    std::vector<DeviceBytes> list;
    for (std::int32_t d = 0; d < std::ssize(list_.devices()); ++d) {
      std::optional<Bytes> least;
      for (const Option& option : list_.options()) {
        const Bytes total = option.total(d);
        if (total.count > 0 && wanted(option) && fits(option, list_.budgets(), d) && (!least || total < *least)) least = total;
      }
      if (least) list.push_back({list_.device(d).name, *least});
    }
    return list;
  }

  // Without devices that have not as much in all, unless none has.
  std::vector<DeviceBytes> attainable(std::vector<DeviceBytes> list) const {
    const auto beyond = [&](const DeviceBytes& least) {
      return std::ranges::any_of(list_.devices(),
                                 [&](const auto& device) { return device.name == least.device && !could_hold(device.total, least.bytes); });
    };
    if (!std::ranges::all_of(list, beyond)) std::erase_if(list, beyond);
    return list;
  }

  // Where budgets decide what goes where, less of one device may do: where devices are filled, or weights divided that cannot stream.
  std::vector<DeviceBytes> smallest_budget() {
    std::vector<DeviceBytes> list = smallest([](const Option&) { return true; });
    if (!list_.is_made_by_budgets()) return attainable(std::move(list));
    std::vector<DeviceBytes> refined;
    for (std::int32_t d = 0; d < std::ssize(list_.devices()); ++d) {
      const std::string& name = list_.device(d).name;
      const auto known = std::find_if(list.begin(), list.end(), [&](const DeviceBytes& least) { return least.device == name; });
      const std::optional<Bytes> least = least_divided(d, known != list.end() ? std::optional(known->bytes) : std::nullopt);
      if (least && least->count > 0) refined.push_back({name, *least});  // of no memory: it can be done without
    }
    return attainable(std::move(refined));
  }

  // The least budget of device `d`, at most `known`, with which the program can be divided, the others as they are; `known` if none is
  // less for certain, or if it can be done without and is used because it is faster.
  std::optional<Bytes> least_divided(std::int32_t d, std::optional<Bytes> known) {
    Budgets budgets = list_.budgets();
    const auto possible = [&](std::uint64_t pages) {
      budgets[static_cast<std::size_t>(d)] = kPage * pages;
      return list_.is_possible(budgets);
    };
    const Bytes all = list_.best_of_all().sum();
    std::uint64_t enough = known.value_or(all + all).count / kPage.count;
    if (!possible(known ? enough - 1 : enough)) return known;
    if (possible(0)) return list_.leaves_nothing_over() ? Bytes{} : known;
    for (std::uint64_t low = 1; low < enough && !is_cancelled(list_.cancel());) {
      const std::uint64_t middle = low + (enough - low) / 2;
      if (possible(middle)) enough = middle;
      else low = middle + 1;
    }
    budgets[static_cast<std::size_t>(d)] = kPage * enough;
    return list_.is_certain(budgets) ? std::optional(kPage * enough) : known;
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
    for (std::int32_t d = 0; d < std::ssize(list_.devices()); ++d) {
      const DeviceDescription& one = list_.device(d);
      const Bytes budget = list_.budgets()[static_cast<std::size_t>(d)];
      const TagBytes& arenas = layout.arenas[static_cast<std::size_t>(d)];
      plan.devices.push_back({one.name, one.total, one.free, budget, budget < one.free ? "--max-memory" : one.free_set_by, arenas,
                              saturating_sub(chosen.total(d), arena_total(arenas))});
    }
    plan.load_seconds = layout.load_seconds;
    plan.pass_seconds = chosen.pass;
    plan.threads = list_.device(0).threads;
    plan.rates_source = list_.device(chosen.shared().device).rates_source;
    plan.isa = list_.device(0).isa;
    for (std::size_t s = 0; s < layout.stages.size(); ++s) describe_layers(chosen.stages[s], layout.stages[s].schedule, plan);
    return plan;
  }

  // Where each block's weights are: the furthest home of any of them.
  void describe_layers(const StageChoice& stage, const Schedule& schedule, Plan& plan) const {
    const std::string& computing = list_.device(stage.candidate.device).name;
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
      const std::string where = home == Home::disk ? "disk" : home == Home::host ? list_.device(0).name : computing;
      plan.layers.push_back({block.name, bytes, where, computing, type, stage.candidate.compute});
    }
  }

  const Model& model_;
  const Workload& workload_;
  const Policy& policy_;
  OptionList list_;
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
    const bool forbidden = (dtype == ElementType::bfloat16 && forbids(policy, Rung::bfloat16)) ||
                           (dtype == ElementType::float16 && forbids(policy, Rung::float16));
    if (forbidden) continue;
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
