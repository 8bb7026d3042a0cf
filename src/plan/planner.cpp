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
  Bytes total;
  double pass = 0;
  double seconds = 0;
};

class Planner {
 public:
  Planner(const Model& model, const Snapshot& machine, const Workload& workload, const Policy& policy)
      : model_(model), workload_(workload), policy_(policy), device_(describe_cpu(machine, model.program(), name_bytes(model.labels()))) {
    request_ = {&model.program(), &model.binding(), &device_, workload, model.table_bytes(), policy.red_zone_bytes};
    budget_ = policy.max_memory ? std::min(*policy.max_memory, device_.free) : device_.free;
    evaluate();
  }

  Plan plan() const {
    const Option* unlimited = best(kNoLimit);
    const Option* fitting = best(budget_);
    const Option& chosen = fitting != nullptr ? *fitting : *smallest();
    Layout layout = lay_out(request_, chosen.candidate);
    Plan plan = describe(chosen, layout);
    plan.sacrifices = sacrifices(chosen, *unlimited);
    plan.verdict = fitting == nullptr ? Verdict::does_not_fit : plan.sacrifices.empty() ? Verdict::fits : Verdict::fits_degraded;
    plan.smallest_budget = {{device_.name, smallest()->total}};
    plan.full_speed_budget = {{device_.name, full_speed(*unlimited)}};
    plan.schedule = std::make_shared<const Schedule>(std::move(layout.schedule));
    return plan;
  }

  Alternative alternative() const {
    const Option* fitting = best(budget_);
    const Option& chosen = fitting != nullptr ? *fitting : *smallest();
    const bool degraded = fitting != nullptr && !sacrifices(chosen, *best(kNoLimit)).empty();
    return {chosen.candidate.storage,
            chosen.candidate.compute,
            device_.name,
            fitting == nullptr ? Verdict::does_not_fit
            : degraded         ? Verdict::fits_degraded
                               : Verdict::fits,
            chosen.total,
            chosen.pass,
            {{device_.name, smallest()->total}}};
  }

 private:
  static constexpr Bytes kNoLimit{std::numeric_limits<std::uint64_t>::max()};

  void evaluate() {
    Estimator estimator(request_);
    for (const Candidate& candidate : candidates(model_.program(), model_.binding(), workload_, policy_, device_.native_bfloat16)) {
      const Estimate found = estimator.estimate(candidate);
      options_.push_back({candidate, found.arenas + device_.runtime, found.seconds, workload_seconds(found.seconds, candidate, workload_)});
    }
  }

  bool better(const Option& a, const Option& b) const {
    if (!policy_.prefer_speed && a.candidate.loss != b.candidate.loss) return a.candidate.loss < b.candidate.loss;
    if (a.seconds != b.seconds) return a.seconds < b.seconds;
    return a.total < b.total;
  }

  const Option* best(Bytes limit) const {
    const Option* found = nullptr;
    for (const Option& option : options_) {
      if (option.total <= limit && (found == nullptr || better(option, *found))) found = &option;
    }
    return found;
  }

  const Option* smallest() const {
    return &*std::min_element(options_.begin(), options_.end(), [](const Option& a, const Option& b) { return a.total < b.total; });
  }

  Bytes full_speed(const Option& unlimited) const {
    Bytes least = unlimited.total;
    for (const Option& option : options_) {
      if (option.candidate.loss <= unlimited.candidate.loss && option.seconds <= 1.1 * unlimited.seconds)
        least = std::min(least, option.total);
    }
    return least;
  }

  std::vector<Sacrifice> sacrifices(const Option& chosen, const Option& unlimited) const {
    std::vector<Sacrifice> list;
    const double cost = std::max(0.0, chosen.pass * static_cast<double>(unlimited.candidate.tokens_per_pass) /
                                              static_cast<double>(chosen.candidate.tokens_per_pass) -
                                          unlimited.pass);
    const Bytes saved = saturating_sub(unlimited.total, chosen.total);
    if (chosen.candidate.microbatch) {
      list.push_back({Rung::microbatch, cost, saved,
                      "passes of " + std::to_string(chosen.candidate.texts_per_pass) + " texts instead of " +
                          std::to_string(unlimited.candidate.texts_per_pass)});
    }
    if (chosen.candidate.narrowing) {
      const std::string type(rung_name(*chosen.candidate.narrowing));
      list.push_back({*chosen.candidate.narrowing, cost, saved,
                      std::to_string(chosen.candidate.narrowed_blocks) + " of " + std::to_string(model_.program().blocks.size()) +
                          " blocks are stored in " + type + ", as --allow permits"});
    }
    return list;
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
    plan.devices = {{device_.name, device_.total, device_.free, budget_, budget_ < device_.free ? "--max-memory" : device_.free_set_by,
                     layout.arenas, device_.runtime}};
    plan.load_seconds = load_seconds(model_.binding(), layout, device_);
    plan.pass_seconds = chosen.pass;
    plan.threads = device_.threads;
    plan.rates_source = device_.rates_source;
    plan.isa = device_.isa;
    const std::vector<Block>& blocks = model_.program().blocks;
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      const ElementType type = block_storage(chosen.candidate, static_cast<std::int64_t>(b), static_cast<std::int64_t>(blocks.size()));
      plan.layers.push_back({blocks[b].name, Bytes{layout.block_bytes[b]}, device_.name, device_.name, type, chosen.candidate.compute});
    }
    return plan;
  }

  const Model& model_;
  const Workload& workload_;
  const Policy& policy_;
  DeviceDescription device_;
  LayoutRequest request_;
  Bytes budget_;
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
  Plan plan = Planner(model, machine, workload, policy).plan();
  plan.alternatives = alternatives(model, machine, workload, policy, plan);
  return plan;
}

Error does_not_fit(const Plan& plan) {
  const DevicePlan& device = plan.devices.front();
  const Bytes smallest = plan.smallest_budget.front().bytes;
  const auto amounts = told_apart(smallest, device.budget);
  std::string advice;
  if (smallest > device.free)
    advice = "free " + format_bytes(smallest - device.free) + ", or use a smaller model or shorter texts (--max-length)";
  if (device.budget < device.free) advice += (advice.empty() ? "" : "; and ") + ("raise --max-memory to " + format_exact(smallest));
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
