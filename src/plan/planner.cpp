#include <algorithm>
#include <array>
#include <limits>

#include <plimsoll/plan.h>

#include "model/binding.h"
#include "plan/candidate.h"
#include "plan/cost.h"
#include "plan/description.h"
#include "plan/estimate.h"
#include "plan/layout.h"
#include "plan/residency.h"

namespace plimsoll {
namespace {

Bytes name_bytes(const std::vector<std::string>& names) {
  Bytes sum;
  for (const std::string& name : names) sum += Bytes{name.size()};
  return sum;
}

/// A candidate with its figures.
struct Option {
  Candidate candidate;
  Bytes host;    ///< total there
  Bytes device;  ///< total on the accelerator that computes, if one does
  double pass = 0;
  double seconds = 0;

  Bytes total(std::int32_t on) const { return on == 0 ? host : on == candidate.device ? device : Bytes{}; }
  Bytes sum() const { return host + device; }
};

/// What devices have for a plan, by their number: 0 the host.
using Budgets = std::vector<Bytes>;

class Planner {
 public:
  Planner(const Model& model, const Snapshot& machine, const Workload& workload, const Policy& policy)
      : model_(model), workload_(workload), policy_(policy) {
    devices_.push_back(describe_cpu(machine, model.program(), name_bytes(model.labels())));
    budgets_.push_back(policy.max_memory ? std::min(*policy.max_memory, devices_[0].free) : devices_[0].free);
    for (const Accelerator& accelerator : machine.accelerators) {
      devices_.push_back(describe_accelerator(machine, accelerator));
      budgets_.push_back(accelerator.budget ? std::min(*accelerator.budget, accelerator.free) : accelerator.free);
    }
    for (std::size_t d = 0; d < devices_.size(); ++d) {
      requests_.push_back(
          {&model.program(), &model.binding(), &devices_[d], devices_.data(), workload, model.table_bytes(), policy.red_zone_bytes});
    }
    for (std::int32_t d = 0; d < std::ssize(devices_); ++d) evaluate(d);
  }

  /// Whether the policy names a device that there is, and leaves something to choose from.
  bool has_options() const { return !options_.empty(); }

  Plan plan() const {
    const Option& unlimited = *best(Budgets(devices_.size(), kNoLimit));
    const Option* fitting = best(budgets_);
    const Option& chosen = fitting != nullptr ? *fitting : *nearest();
    Layout layout = lay_out(request(chosen), chosen.candidate);
    Plan plan = describe(chosen, layout);
    plan.sacrifices = sacrifices(chosen, unlimited);
    plan.verdict = fitting == nullptr ? Verdict::does_not_fit : plan.sacrifices.empty() ? Verdict::fits : Verdict::fits_degraded;
    plan.smallest_budget = smallest([](const Option&) { return true; });
    plan.full_speed_budget = smallest([&](const Option& option) {
      return option.candidate.loss <= unlimited.candidate.loss && option.seconds <= 1.1 * unlimited.seconds;
    });
    plan.schedule = std::make_shared<const Schedule>(std::move(layout.schedule));
    return plan;
  }

  Alternative alternative() const {
    const Option* fitting = best(budgets_);
    const Option& chosen = fitting != nullptr ? *fitting : *nearest();
    const bool degraded = fitting != nullptr && !sacrifices(chosen, *best(Budgets(devices_.size(), kNoLimit))).empty();
    return {chosen.candidate.storage,
            chosen.candidate.compute,
            device(chosen).name,
            fitting == nullptr ? Verdict::does_not_fit
            : degraded         ? Verdict::fits_degraded
                               : Verdict::fits,
            chosen.total(chosen.candidate.device),
            chosen.pass,
            smallest([](const Option&) { return true; })};
  }

 private:
  static constexpr Bytes kNoLimit{std::numeric_limits<std::uint64_t>::max()};

  bool may_compute(std::int32_t d) const {
    const bool any = policy_.device.empty() || policy_.device == "auto";
    if (!any) return policy_.device == devices_[static_cast<std::size_t>(d)].name;
    const bool forbidden = std::find(policy_.forbid.begin(), policy_.forbid.end(), Rung::cpu) != policy_.forbid.end();
    return d > 0 || devices_.size() == 1 || !forbidden;
  }

  void evaluate(std::int32_t d) {
    if (!may_compute(d)) return;
    const DeviceDescription& computing = devices_[static_cast<std::size_t>(d)];
    Estimator estimator(requests_[static_cast<std::size_t>(d)]);
    for (const Candidate& candidate : candidates(model_.program(), model_.binding(), workload_, policy_, computing.native_bfloat16, d)) {
      const Estimate found = estimator.estimate(candidate);
      options_.push_back({candidate, found.host + devices_[0].runtime, found.device + (d > 0 ? computing.runtime : Bytes{}), found.seconds,
                          workload_seconds(found.seconds, candidate, workload_)});
    }
  }

  const LayoutRequest& request(const Option& option) const { return requests_[static_cast<std::size_t>(option.candidate.device)]; }
  const DeviceDescription& device(const Option& option) const { return devices_[static_cast<std::size_t>(option.candidate.device)]; }

  bool better(const Option& a, const Option& b) const {
    if (!policy_.prefer_speed && a.candidate.loss != b.candidate.loss) return a.candidate.loss < b.candidate.loss;
    if (a.seconds != b.seconds) return a.seconds < b.seconds;
    return a.sum() < b.sum();
  }

  // On every device, or on all but one.
  bool fits(const Option& option, const Budgets& budgets, std::int32_t but = -1) const {
    for (std::int32_t d = 0; d < std::ssize(devices_); ++d) {
      if (d != but && option.total(d) > budgets[static_cast<std::size_t>(d)]) return false;
    }
    return true;
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

  // What the plan gives up against the unlimited one, with what each costs and saves by itself where that can be told.
  std::vector<Sacrifice> sacrifices(const Option& chosen, const Option& unlimited) const {
    std::vector<Sacrifice> list;
    const Candidate& candidate = chosen.candidate;
    const double cost = std::max(
        0.0, chosen.pass * static_cast<double>(unlimited.candidate.tokens_per_pass) / static_cast<double>(candidate.tokens_per_pass) -
                 unlimited.pass);
    const Bytes saved = saturating_sub(unlimited.sum(), chosen.sum());
    if (candidate.device != unlimited.candidate.device) {
      const bool unusable = budgets_[static_cast<std::size_t>(unlimited.candidate.device)].count == 0;
      list.push_back({candidate.device == 0 ? Rung::cpu : Rung::stream, cost, saved,
                      "computed on " + device(chosen).name + ", because " + (unusable ? "there is no memory" : "it does not fit") + " on " +
                          device(unlimited).name});
    }
    if (candidate.gathers()) list.push_back(without(Rung::gather, chosen));
    if (candidate.microbatch) {
      list.push_back({Rung::microbatch, cost, saved,
                      "passes of " + std::to_string(candidate.texts_per_pass) + " texts instead of " +
                          std::to_string(unlimited.candidate.texts_per_pass)});
    }
    if (candidate.streamed_blocks > 0) list.push_back(without(Rung::stream, chosen));
    if (candidate.narrowing) {
      const std::string type(rung_name(*candidate.narrowing));
      list.push_back({*candidate.narrowing, cost, saved,
                      std::to_string(candidate.narrowed_blocks) + " of " + std::to_string(model_.program().blocks.size()) +
                          " blocks are stored in " + type + ", as --allow permits"});
    }
    return list;
  }

  // The sacrifice that `rung` is: against the same candidate without it.
  Sacrifice without(Rung rung, const Option& chosen) const {
    Candidate other = chosen.candidate;
    if (rung == Rung::gather) other.table = Home::device;
    if (rung == Rung::stream) {
      other.streamed_blocks = other.host_blocks = other.slots = 0;
      other.chunk_bytes = 0;
    }
    Estimator estimator(request(chosen));
    const Estimate estimate = estimator.estimate(other);
    const Bytes computing = chosen.candidate.device > 0 ? estimate.device : estimate.host + devices_[0].runtime;
    return {rung, std::max(0.0, chosen.pass - estimate.seconds), saturating_sub(computing, chosen.total(chosen.candidate.device)),
            rung == Rung::gather ? gather_reason(chosen.candidate) : stream_reason(chosen.candidate)};
  }

  static std::string gather_reason(const Candidate& candidate) {
    if (candidate.table == Home::disk) return "rows of the word table are read from disk as texts need them";
    return "rows of the word table are copied from the host's memory as texts need them";
  }

  std::string stream_reason(const Candidate& candidate) const {
    const auto blocks = std::to_string(residency_order(model_.program(), model_.binding()).size());
    const std::int64_t disk = candidate.streamed_blocks - candidate.host_blocks;
    std::string from_disk = std::to_string(disk) + " of " + blocks + " layers with weights are read from disk in every pass";
    if (candidate.host_blocks == 0) return from_disk;
    const std::string from_host =
        std::to_string(candidate.host_blocks) + " of " + blocks + " layers with weights come from the host's memory in every pass";
    return disk == 0 ? from_host : from_host + ", and " + from_disk;
  }

  Plan describe(const Option& chosen, const Layout& layout) const {
    Plan plan;
    plan.model = model_.name();
    plan.arch = model_.arch();
    plan.task = model_.task();
    plan.dtype = chosen.candidate.storage;
    plan.compute_dtype = chosen.candidate.compute;
    plan.warnings = model_.warnings();
    plan.workload = workload_;
    plan.tokens_per_pass = chosen.candidate.tokens_per_pass;
    plan.texts_per_pass = chosen.candidate.texts_per_pass;
    for (std::int32_t d = 0; d < std::ssize(devices_); ++d) {
      const DeviceDescription& one = devices_[static_cast<std::size_t>(d)];
      const Bytes budget = budgets_[static_cast<std::size_t>(d)];
      const bool used = d == 0 || d == chosen.candidate.device;
      plan.devices.push_back({one.name, one.total, one.free, budget, budget < one.free ? "--max-memory" : one.free_set_by,
                              used ? layout.arenas[d == 0 ? 0 : 1] : TagBytes{}, used ? one.runtime : Bytes{}});
    }
    plan.load_seconds = load_seconds(request(chosen), layout.schedule);
    plan.pass_seconds = chosen.pass;
    plan.threads = devices_[0].threads;
    plan.rates_source = device(chosen).rates_source;
    plan.isa = devices_[0].isa;
    describe_layers(chosen.candidate, layout.schedule, plan);
    return plan;
  }

  // Where each block's weights are: the furthest home of any of them.
  void describe_layers(const Candidate& candidate, const Schedule& schedule, Plan& plan) const {
    const std::vector<Block>& blocks = model_.program().blocks;
    const std::string& computing = devices_[static_cast<std::size_t>(candidate.device)].name;
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      Bytes bytes;
      Home home = Home::device;
      for (const Op& op : blocks[b].ops) {
        for (const WeightId id : op_weights(op)) {
          const PlannedWeight& weight = schedule.weights[static_cast<std::size_t>(id)];
          bytes += Bytes{align_place(weight.bytes + policy_.red_zone_bytes)};
          home = std::max(home, weight.home);
        }
      }
      const ElementType type = block_storage(candidate, static_cast<std::int64_t>(b), std::ssize(blocks));
      const std::string where = home == Home::disk ? "disk" : home == Home::host ? devices_[0].name : computing;
      plan.layers.push_back({blocks[b].name, bytes, where, computing, type, candidate.compute});
    }
  }

  const Model& model_;
  const Workload& workload_;
  const Policy& policy_;
  std::vector<DeviceDescription> devices_;
  Budgets budgets_;
  std::vector<LayoutRequest> requests_;  // by the device that computes
  std::vector<Option> options_;
};

constexpr std::array kStorageTypes = {ElementType::float32, ElementType::bfloat16, ElementType::float16};

bool is_storage_type(ElementType type) { return std::find(kStorageTypes.begin(), kStorageTypes.end(), type) != kStorageTypes.end(); }

// One for each precision that comes to something else than the plan.
std::vector<Alternative> alternatives(const Model& model, const Snapshot& machine, const Workload& workload, const Policy& policy,
                                      const Plan& plan) {
  std::vector<Alternative> list;
  for (const ElementType dtype : kStorageTypes) {
    Policy other = policy;
    other.dtype = dtype;
    other.allow.clear();
    const Alternative found = Planner(model, machine, workload, other).alternative();
    if (found.dtype != plan.dtype || found.compute_dtype != plan.compute_dtype) list.push_back(found);
  }
  return list;
}

// Two sizes in words, to the byte where rounding would make them look alike.
std::pair<std::string, std::string> told_apart(Bytes a, Bytes b) {
  if (format_bytes(a) != format_bytes(b)) return {format_bytes(a), format_bytes(b)};
  return {format_exact(a), format_exact(b)};
}

// No single device's budget would do.
Error several_do_not_fit(const Plan& plan) {
  std::string needs;
  for (const DevicePlan& device : plan.devices) {
    if (device.planned_total() <= device.budget) continue;
    needs += (needs.empty() ? "" : ", and ") + format_bytes(device.planned_total()) + " on " + device.name + ", whose budget is " +
             format_bytes(device.budget);
  }
  const DevicePlan& device = plan.devices.back();
  Error error{ErrorCode::does_not_fit, plan.model + " needs " + needs, "no device has enough",
              "raise the budgets of all of them, or use a smaller model"};
  error.memory = MemoryShortfall{device.name, device.planned_total(), device.free, device.budget, {}, {}};
  return error;
}

Error no_such_device(const Snapshot& machine, const Policy& policy) {
  std::string names = "cpu";
  for (const Accelerator& accelerator : machine.accelerators) names += ", " + accelerator.name;
  return Error{ErrorCode::usage, "there is no device " + policy.device, "--device", "there are " + names};
}

}  // namespace

Result<Plan> make_plan(const Model& model, const Snapshot& machine, const Workload& workload, const Policy& policy) {
  if (workload.longest < 1 || workload.longest > model.max_tokens()) {
    return Error{ErrorCode::usage, "texts of " + std::to_string(workload.longest) + " tokens", "--max-length",
                 "this model takes 1 to " + std::to_string(model.max_tokens())};
  }
  if (workload.batch_size < 0)
    return Error{ErrorCode::usage, "a batch of " + std::to_string(workload.batch_size) + " texts", "--batch-size", "give 1 or more"};
  if (policy.dtype && !is_storage_type(*policy.dtype)) {
    return Error{ErrorCode::unsupported, "weights cannot be held as " + std::string(element_name(*policy.dtype)), "--dtype",
                 "built are float32, bfloat16 and float16"};
  }
  const Planner planner(model, machine, workload, policy);
  if (!planner.has_options()) return no_such_device(machine, policy);
  Plan plan = planner.plan();
  plan.alternatives = alternatives(model, machine, workload, policy, plan);
  return plan;
}

Error does_not_fit(const Plan& plan) {
  const auto device_of = [&](const std::string& name) {
    return *std::find_if(plan.devices.begin(), plan.devices.end(), [&](const DevicePlan& device) { return device.name == name; });
  };
  if (plan.smallest_budget.empty()) return several_do_not_fit(plan);
  const DeviceBytes& least = plan.smallest_budget.back();  // an accelerator's, where one would do alone
  const DevicePlan device = device_of(least.device);
  const Bytes smallest = least.bytes;
  const auto amounts = told_apart(smallest, device.budget);
  const std::string amount = device.name == "cpu" ? format_exact(smallest) : device.name + "=" + format_exact(smallest);
  std::string advice;
  if (smallest > device.free)
    advice = "free " + format_bytes(smallest - device.free) + ", or use a smaller model or shorter texts (--max-length)";
  if (device.budget < device.free) advice += (advice.empty() ? "" : "; and ") + ("raise --max-memory to " + amount);
  Error error{ErrorCode::does_not_fit, plan.model + " needs at least " + amounts.first + " and the budget is " + amounts.second,
              device.name + ", set by " + device.budget_set_by, std::move(advice)};
  for (const Alternative& other : plan.alternatives) {
    if (other.verdict == Verdict::does_not_fit || element_bytes(other.dtype) >= element_bytes(plan.dtype)) continue;
    error.advice += "; or --dtype " + std::string(element_name(other.dtype)) + ", which fits in " + format_bytes(other.bytes);
    break;
  }
  error.memory = MemoryShortfall{device.name, smallest, device.free, device.budget, plan.smallest_budget, {}};
  return error;
}

}  // namespace plimsoll
