#include "runtime/elastic.h"

#include <algorithm>
#include <utility>

#include "probe/host_memory.h"
#include "recover/deficit.h"
#include "recover/difference.h"
#include "runtime/session_check.h"

namespace plimsoll {
namespace {

using Kind = SessionEvent::Kind;

// Less than this is not worth a word.
constexpr Bytes kNoise = mib(1);

Error over_budget(const Plan& plan, std::size_t device, Bytes budget) {
  const DevicePlan& planned = plan.devices.at(device);
  const Bytes total = planned.planned_total();
  return Error{ErrorCode::out_of_memory, "the budget fell to " + format_bytes(budget) + " and the plan needs " + format_bytes(total),
               planned.name, "run again: the plan will fit what is free then",
               MemoryShortfall{planned.name, total, budget, budget, plan.smallest_budget, {}}};
}

}  // namespace

Elastic::Elastic(Deployment& deployment, const Session::Options& options)
    : deployment_(deployment), options_(options), shares_(1 + deployment.devices().size()) {
  shares_[0].name = options.ledger->device();
  for (std::size_t i = 1; i < shares_.size(); ++i) shares_[i].name = deployment.devices()[i - 1]->ledger().device();
}

bool Elastic::set_budget(std::string_view device, Bytes budget) {
  const auto share = std::find_if(shares_.begin(), shares_.end(), [&](const Share& one) { return one.name == device; });
  if (share == shares_.end()) return false;
  share->budget = budget;
  return true;
}

Bytes Elastic::planned_total(std::string_view device) const {
  const auto share = std::find_if(shares_.begin(), shares_.end(), [&](const Share& one) { return one.name == device; });
  return share == shares_.end() ? Bytes{} : share->planned.load();
}

bool Elastic::must_shed() const {
  return std::any_of(shares_.begin(), shares_.end(), [](const Share& share) { return share.budget.load() < share.planned.load(); });
}

void Elastic::tell(SessionEvent event, Bytes requested, Bytes free) const {
  if (!options_.event) return;
  event.requested = requested;
  event.free = free;
  options_.event(event);
}

void Elastic::tell_recovered(std::string text, const Error& failure) const {
  SessionEvent event;
  event.kind = Kind::recovered;
  event.device = shares_[find_remedy(deployment_.plan(), failure).device].name;
  event.text = std::move(text) + " (" + message(failure) + ")";
  const MemoryShortfall figures = failure.memory.value_or(MemoryShortfall{});
  tell(std::move(event), figures.requested, figures.free);
}

void Elastic::tell_change(Kind kind, const Error& error, const Plan& before, const Plan& after) const {
  const std::size_t device = find_remedy(before, error).device;
  std::string cause = device == 0 ? error.what : shares_[device].name + ": " + error.what;
  if (shares_[device].gone) cause += "; it is not used again";
  const MemoryShortfall figures = error.memory.value_or(MemoryShortfall{});
  tell(describe_change(kind, device, cause, before, after), figures.requested, figures.free);
}

// What a device has for this session. One that does not answer is asked once more, and then taken to be as it was.
Bytes Elastic::available(std::size_t device) {
  if (shares_[device].gone) return {};
  OpenDevice& opened = *deployment_.devices()[device - 1];
  Result<Bytes> found = opened.available();
  if (!found.ok() && found.error().code != ErrorCode::device_lost) found = opened.available();
  if (found.ok()) return *found;
  if (found.error().code != ErrorCode::device_lost) return deployment_.plan().devices.at(device).budget;
  shares_[device].gone = true;
  return {};
}

// Each is read once, for others set them meanwhile: what is planned with is what was looked at.
Elastic::Budgets Elastic::budgets(Bytes host_free) {
  for (Share& share : shares_) share.looked_with = share.budget;
  Budgets list{{shares_[0].name, std::min(shares_[0].looked_with, host_free)}};
  for (std::size_t i = 1; i < shares_.size(); ++i) list.push_back({shares_[i].name, std::min(shares_[i].looked_with, available(i))});
  return list;
}

Bytes Elastic::host_free() const { return probe::probe_host_memory(*deployment_.os()).contended_budget(); }

Result<Plan> Elastic::plan_for(const Budgets& budgets) const {
  PLIMSOLL_TRY(Plan plan, options_.replan(budgets));
  PLIMSOLL_CHECK(check_plan(plan, deployment_.model(), deployment_.devices().size()));
  PLIMSOLL_CHECK(check_same_inputs(plan, deployment_.plan(), deployment_.model()));
  return plan;
}

// Where there is no way without the device, its own failure is what there is to tell.
Result<Plan> Elastic::plan_without(std::size_t device, Budgets budgets, const Error& error) const {
  budgets[device].bytes = {};
  Result<Plan> plan = plan_for(budgets);
  if (plan.ok() || plan.error().code != ErrorCode::does_not_fit) return plan;
  Error failure = error;
  const bool nowhere_else = plan.error().memory && plan.error().memory->device == shares_[device].name;
  failure.advice = nowhere_else ? "no other device is allowed or has room" : "without " + shares_[device].name + " " + plan.error().what;
  return failure;
}

// The plan to try when `failed` did; the error itself where planning cannot help.
Result<Plan> Elastic::plan_after(const Plan& failed, const Error& error, Kind kind, bool last) {
  const Remedy remedy = find_remedy(failed, error);
  if (remedy.kind == Remedy::Kind::none || !options_.replan) return error;
  Share& share = shares_[remedy.device];
  if (remedy.kind == Remedy::Kind::again && !std::exchange(share.failed, true)) {
    tell_recovered("done once more", error);
    return failed;
  }
  if (remedy.kind != Remedy::Kind::less) share.gone = true;
  // What is mapped and not yet touched counts against limits of the process: only after a release do they tell what is free.
  const bool from_nothing = kind == Kind::replanned;
  if (from_nothing) deployment_.release();
  Budgets next = budgets(from_nothing ? probe::probe_host_memory(*deployment_.os()).budget : host_free());
  const bool leave_out = share.gone || (last && remedy.device > 0);
  if (!leave_out) next[remedy.device].bytes = next_budget(failed, remedy.device, error, next[remedy.device].bytes);
  Result<Plan> plan = leave_out ? plan_without(remedy.device, std::move(next), error) : plan_for(next);
  if (plan.ok()) tell_change(kind, error, failed, *plan);
  return plan;
}

void Elastic::settled(const Plan& plan) {
  for (std::size_t i = 0; i < shares_.size(); ++i) shares_[i].planned = plan.devices.at(i).planned_total();
  tell_of_pageable();
}

// Copies go on without the host's help or with it: no reason to plan again.
void Elastic::tell_of_pageable() {
  for (const HostPins::Refusal& refusal : deployment_.take_pin_refusals()) {
    SessionEvent event;
    event.device = shares_[refusal.device].name;
    event.text = "cannot pin " + format_bytes(refusal.bytes) + " for copies to " + event.device + ": copied as pageable memory, slower";
    tell(std::move(event), refusal.bytes, Bytes{});
  }
}

// Moves to `target`, or to what is planned after it could not be had. True when the values of `block` and later survive all the way.
Result<bool> Elastic::settle(Plan target, std::int32_t block, Kind kind) {
  bool kept = block > 0;
  for (int attempt = 1;; ++attempt) {
    kept = kept && same_values(deployment_.plan(), target) && same_precision(deployment_.plan(), target);
    const Status moved = deployment_.move_to(target, kept ? block : 0);
    if (moved.ok()) {
      settled(target);
      return kept;
    }
    Result<Plan> next =
        attempt <= kMostAttempts ? plan_after(target, moved.error(), kind, attempt == kMostAttempts) : Result<Plan>(moved.error());
    if (!next.ok()) {
      deployment_.release();
      return std::move(next).error();
    }
    target = std::move(next).value();
  }
}

Status Elastic::settle(Plan target, Kind kind) {
  PLIMSOLL_TRY(const bool ignored, settle(std::move(target), 0, kind));
  static_cast<void>(ignored);
  return {};
}

Status Elastic::open(const Plan& plan) {
  PLIMSOLL_CHECK(settle(plan, Kind::replanned));
  tell_of_neighbours();
  return {};
}

// What was taken beside memory that is reserved changes nothing. It is told, for it looks like a shortage.
void Elastic::tell_of_neighbours() {
  const Plan& plan = deployment_.plan();
  for (std::size_t i = 1; i < shares_.size(); ++i) {
    const Bytes now = plan.devices[i].planned_total().count > 0 ? available(i) : plan.devices[i].budget;
    const Bytes taken = saturating_sub(plan.devices[i].budget, now);
    if (taken < kNoise || shares_[i].gone) continue;
    SessionEvent event;
    event.kind = Kind::kept;
    event.device = shares_[i].name;
    event.text = "others took " + format_bytes(taken) + " of " + event.device +
                 " while the model was loaded: " + format_bytes(plan.devices[i].planned_total()) +
                 " were reserved before, and nothing changes";
    tell(std::move(event), plan.devices[i].planned_total(), now);
  }
}

Result<bool> Elastic::shed(std::int32_t block) {
  const Plan before = deployment_.plan();
  const Budgets now = budgets(host_free());
  const auto has_fallen = [](const Share& share) { return share.looked_with < share.planned.load(); };
  const auto fallen = static_cast<std::size_t>(std::ranges::find_if(shares_, has_fallen) - shares_.begin());
  if (fallen == shares_.size()) {
    for (Share& share : shares_) share.looked_with = share.planned;  // it has come back, perhaps with more
    return true;
  }
  const Bytes budget = shares_[fallen].looked_with;
  if (!options_.replan) return over_budget(before, fallen, budget);
  PLIMSOLL_TRY(Plan target, plan_for(now));
  PLIMSOLL_TRY(const bool kept, settle(std::move(target), block, Kind::recovered));
  const std::string cause = "the budget" + of_device(fallen) + " fell to " + format_bytes(budget);
  tell(describe_change(Kind::shed, fallen, cause, before, deployment_.plan()), before.devices.at(fallen).planned_total(), budget);
  return kept;
}

Status Elastic::grow(std::size_t device) {
  const Plan before = deployment_.plan();
  const Result<Plan> target = plan_for(budgets(host_free()));
  const Bytes budget = shares_[device].looked_with;
  if (!target.ok()) return {};
  if (same_precision(before, *target) && !is_faster(*target, before)) {
    // Whoever plans for this session has promised it more than it takes.
    static_cast<void>(plan_for(taken(before)));
    return {};
  }
  Status moved = deployment_.move_to(*target);
  if (moved.ok()) {
    settled(*target);
    const std::string cause =
        "the budget" + of_device(device) + (budget == kUnlimited ? " has no limit" : " rose to " + format_bytes(budget));
    tell(describe_change(Kind::grown, device, cause, before, *target), target->devices.at(device).planned_total(), budget);
    return {};
  }
  if (moved.error().code == ErrorCode::cancelled) return moved;
  if (const Remedy remedy = find_remedy(*target, moved.error()); remedy.kind == Remedy::Kind::without) shares_[remedy.device].gone = true;
  tell_recovered("what a higher budget promised could not be had: going on as before", moved.error());
  return go_back(before);
}

Elastic::Budgets Elastic::taken(const Plan& plan) const {
  Budgets list;
  for (std::size_t i = 0; i < shares_.size(); ++i)
    list.push_back({shares_[i].name, shares_[i].gone ? Bytes{} : plan.devices.at(i).planned_total()});
  return list;
}

// Planned anew, though its memory was there: the ledgers' limits are those of the last plan that was made.
Status Elastic::go_back(const Plan& before) {
  Result<Plan> target = plan_for(taken(before));
  if (!target.ok()) target = plan_for(budgets(host_free()));
  if (!target.ok()) return std::move(target).error();
  return settle(std::move(target).value(), Kind::recovered);
}

// After a failure that left it without memory, or half way between two plans.
Status Elastic::bring_up() {
  const Budgets now = budgets(probe::probe_host_memory(*deployment_.os()).budget);
  const Plan& last = deployment_.plan();
  if (options_.replan) {
    PLIMSOLL_TRY(Plan target, plan_for(now));
    return settle(std::move(target), Kind::recovered);
  }
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (now[i].bytes < last.devices.at(i).planned_total()) return over_budget(last, i, now[i].bytes);
  }
  return settle(last, Kind::recovered);
}

Status Elastic::before_pass() {
  if (!deployment_.ready()) PLIMSOLL_CHECK(bring_up());
  if (must_shed()) {
    PLIMSOLL_TRY(const bool ignored, shed(0));
    static_cast<void>(ignored);
  }
  if (!options_.replan) return {};
  std::size_t changed = shares_.size();
  for (std::size_t i = 0; i < shares_.size(); ++i) {
    const Bytes budget = shares_[i].budget;
    if (std::exchange(shares_[i].looked_with, budget) != budget) changed = std::min(changed, i);
  }
  return changed < shares_.size() ? grow(changed) : Status();
}

Status Elastic::recover(const Error& failure) {
  if (++failures_ > kMostAttempts) return failure;
  if (failure.code == ErrorCode::io && !std::exchange(begun_again_, true)) {
    const Remedy remedy = find_remedy(deployment_.plan(), failure);
    shares_[remedy.device].failed = remedy.kind == Remedy::Kind::again;
    tell_recovered("the pass was begun again", failure);
    return {};
  }
  PLIMSOLL_TRY(Plan target, plan_after(deployment_.plan(), failure, Kind::recovered, failures_ == kMostAttempts));
  begun_again_ = false;
  return settle(std::move(target), Kind::recovered);
}

void Elastic::begin() {
  failures_ = 0;
  begun_again_ = false;
  for (Share& share : shares_) share.failed = false;
}

}  // namespace plimsoll
