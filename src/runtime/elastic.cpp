#include "runtime/elastic.h"

#include <algorithm>
#include <utility>

#include "probe/host_memory.h"
#include "recover/deficit.h"
#include "recover/difference.h"

namespace plimsoll {
namespace {

using Kind = SessionEvent::Kind;

Bytes total(const Plan& plan) { return plan.devices.front().planned_total(); }

Error over_budget(const Plan& plan, Bytes budget) {
  return Error{ErrorCode::out_of_memory, "the budget fell to " + format_bytes(budget) + " and the plan needs " + format_bytes(total(plan)),
               plan.devices.front().name, "run again: the plan will fit what is free then",
               MemoryShortfall{plan.devices.front().name, total(plan), budget, budget, plan.smallest_budget, {}}};
}

}  // namespace

void Elastic::tell(SessionEvent event, Bytes requested, Bytes free) const {
  if (!options_.event) return;
  event.requested = requested;
  event.free = free;
  options_.event(event);
}

void Elastic::tell_recovered(std::string text, const Error& failure) const {
  SessionEvent event;
  event.kind = Kind::recovered;
  event.text = std::move(text) + " (" + message(failure) + ")";
  const MemoryShortfall figures = failure.memory.value_or(MemoryShortfall{});
  tell(std::move(event), figures.requested, figures.free);
}

Result<Plan> Elastic::plan_for(Bytes budget) const {
  PLIMSOLL_TRY(Plan plan, options_.replan(budget));
  if (plan.verdict == Verdict::does_not_fit) return does_not_fit(plan);
  return plan;
}

// The plan to try when memory of `failed` could not be had; the error itself where planning cannot help.
Result<Plan> Elastic::plan_after(const Plan& failed, const Error& error, Kind kind) {
  if (!can_recover(failed, error) || !options_.replan) return error;
  // What is mapped and not yet touched counts against limits of the process: only after a release do they tell what is free.
  const bool from_nothing = kind == Kind::replanned;
  if (from_nothing) deployment_.release();
  const HostMemory host = probe::probe_host_memory(*deployment_.os());
  return plan_for(next_budget(failed, error, from_nothing ? host.budget : host.contended_budget()));
}

// Moves to `target`, or to what is planned after it could not be had. True when the values of `block` and later survive all the way.
Result<bool> Elastic::settle(Plan target, std::int32_t block, Kind kind) {
  bool kept = block > 0;
  for (int attempt = 0;; ++attempt) {
    kept = kept && same_values(deployment_.plan(), target) && same_precision(deployment_.plan(), target);
    const Status moved = deployment_.move_to(target, kept ? block : 0);
    if (moved.ok()) {
      planned_total_ = total(target);
      return kept;
    }
    Result<Plan> next = attempt < kMostAttempts ? plan_after(target, moved.error(), kind) : Result<Plan>(moved.error());
    if (!next.ok()) {
      deployment_.release();
      return std::move(next).error();
    }
    const MemoryShortfall figures = moved.error().memory.value_or(MemoryShortfall{});
    tell(describe_change(kind, moved.error().what, target, *next), figures.requested, figures.free);
    target = std::move(next).value();
  }
}

Status Elastic::open(const Plan& plan) {
  PLIMSOLL_TRY(const bool ignored, settle(plan, 0, Kind::replanned));
  static_cast<void>(ignored);
  return {};
}

Result<bool> Elastic::shed(std::int32_t block) {
  const Bytes budget = budget_;
  const Plan before = deployment_.plan();
  looked_with_ = budget;
  if (!options_.replan) return over_budget(before, budget);
  PLIMSOLL_TRY(Plan target, plan_for(budget));
  PLIMSOLL_TRY(const bool kept, settle(std::move(target), block, Kind::recovered));
  tell(describe_change(Kind::shed, "the budget fell to " + format_bytes(budget), before, deployment_.plan()), total(before), budget);
  return kept;
}

Status Elastic::grow(Bytes budget) {
  const Plan before = deployment_.plan();
  const Result<Plan> target = plan_for(budget);
  if (!target.ok() || (same_precision(before, *target) && !is_faster(*target, before))) return {};
  Status moved = deployment_.move_to(*target);
  if (moved.ok()) {
    planned_total_ = total(*target);
    tell(describe_change(Kind::grown, "the budget rose to " + format_bytes(budget), before, *target), total(*target), budget);
    return {};
  }
  if (moved.error().code == ErrorCode::cancelled) return moved;
  tell_recovered("what a higher budget promised could not be had: going on as before", moved.error());
  PLIMSOLL_TRY(const bool ignored, settle(before, 0, Kind::recovered));
  static_cast<void>(ignored);
  return {};
}

// After a failure that left it without memory, or half way between two plans.
Status Elastic::bring_up() {
  Plan target = deployment_.plan();
  const Bytes budget = std::min(budget_.load(), probe::probe_host_memory(*deployment_.os()).budget);
  if (options_.replan) {
    PLIMSOLL_TRY(target, plan_for(budget));
  } else if (budget < total(target)) {
    return over_budget(target, budget);
  }
  PLIMSOLL_TRY(const bool ignored, settle(std::move(target), 0, Kind::recovered));
  static_cast<void>(ignored);
  return {};
}

Status Elastic::before_pass() {
  if (!deployment_.ready()) PLIMSOLL_CHECK(bring_up());
  if (must_shed()) {
    PLIMSOLL_TRY(const bool ignored, shed(0));
    static_cast<void>(ignored);
  }
  const Bytes budget = budget_;
  if (!options_.replan || std::exchange(looked_with_, budget) == budget) return {};
  return grow(budget);
}

}  // namespace plimsoll
