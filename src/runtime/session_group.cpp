#include <plimsoll/session_group.h>

#include <algorithm>
#include <new>

#include <plimsoll/device.h>

#include "runtime/session_check.h"

namespace plimsoll {
namespace {

Status check(const SessionGroup::Options& options) {
  PLIMSOLL_CHECK(check_pointers(options.os, options.ledger, options.devices));
  const std::size_t described = options.machine.accelerators.size();
  if (options.devices.size() <= described) return {};
  return Error{ErrorCode::usage,
               "a group was given " + std::to_string(options.devices.size()) + " devices and a machine with " + std::to_string(described),
               "session", "add what OpenDevice::describe says of each to Snapshot::accelerators"};
}

}  // namespace

/// A session, or one that is being opened: then it has none yet.
struct SessionGroup::Member {
  Request request;
  std::unique_ptr<Session> session;
  std::vector<DeviceBytes> claimed = {};  ///< of a plan that was made for it, and that it may not have moved to yet

  /// What nobody else may plan: what it has, or will have.
  Bytes taken(std::string_view device) const {
    const auto claim = std::ranges::find(claimed, device, &DeviceBytes::device);
    return std::max(planned(device), claim == claimed.end() ? Bytes{} : claim->bytes);
  }
  Bytes planned(std::string_view device) const { return session == nullptr ? Bytes{} : session->planned_total(device); }
};

SessionGroup::SessionGroup(Options options) : options_(std::move(options)) {
  if (!check(options_).ok()) return;  // `add` tells
  budgets_.push_back({options_.ledger->device(), options_.machine.memory.budget});
  options_.ledger->set_limit(budgets_.front().bytes);
  for (std::size_t i = 0; i < options_.devices.size(); ++i) {
    const Accelerator& accelerator = options_.machine.accelerators.at(i);
    budgets_.push_back({accelerator.name, accelerator.usable()});
    options_.devices[i]->ledger().set_limit(budgets_.back().bytes);
  }
}

SessionGroup::~SessionGroup() = default;

Bytes SessionGroup::planned_total(std::string_view device) const {
  const std::scoped_lock lock(mutex_);
  Bytes sum;
  for (const auto& member : members_) sum += member->planned(device);
  return sum;
}

// What the other members have not taken.
std::vector<DeviceBytes> SessionGroup::left_for(const Member& member) const {
  const std::scoped_lock lock(mutex_);
  return left_for_locked(member);
}

std::vector<DeviceBytes> SessionGroup::left_for_locked(const Member& member) const {
  std::vector<DeviceBytes> left = budgets_;
  for (DeviceBytes& one : left) {
    for (const auto& other : members_)
      if (other.get() != &member) one.bytes = saturating_sub(one.bytes, other->taken(one.device));
  }
  return left;
}

// A plan within these budgets and what the others leave, which is this member's from now on: another that plans meanwhile leaves it.
Result<Plan> SessionGroup::claim(Member& member, std::span<const DeviceBytes> budgets) {
  const std::scoped_lock lock(mutex_);
  std::vector<DeviceBytes> within = left_for_locked(member);
  for (std::size_t d = 0; d < within.size(); ++d) within[d].bytes = std::min(within[d].bytes, budgets[d].bytes);
  PLIMSOLL_TRY(Plan plan, plan_within(member, within));
  member.claimed.clear();
  if (plan.verdict == Verdict::does_not_fit) return plan;
  for (const DevicePlan& device : plan.devices) member.claimed.push_back({device.name, device.planned_total()});
  return plan;
}

Result<Plan> SessionGroup::plan_within(const Member& member, std::span<const DeviceBytes> budgets) const {
  Snapshot machine = options_.machine;
  machine.memory.budget = budgets.front().bytes;
  for (std::size_t i = 0; i + 1 < budgets.size(); ++i) {
    machine.accelerators[i].free = budgets[i + 1].bytes;
    machine.accelerators[i].budget.reset();
  }
  return make_plan(*member.request.model, machine, member.request.workload, member.request.policy, member.request.cancel);
}

// Others give up what they have beyond an equal share, those that have most first, until the new one has what it could use of its own. Who
// cannot do with less keeps what it has.
void SessionGroup::make_room(const Member& member) {
  const Result<Plan> alone = plan_within(member, budgets_);
  if (!alone.ok()) return;
  for (std::size_t d = 0; d < budgets_.size(); ++d) {
    const std::string& device = budgets_[d].device;
    const Bytes share{budgets_[d].bytes.count / members_.size()};
    const Bytes wanted = std::min(alone->devices.at(d).planned_total(), share);
    std::vector<Member*> others;
    for (const auto& other : members_) {
      if (other.get() != &member && other->planned(device) > share) others.push_back(other.get());
    }
    std::ranges::sort(others, [&](const Member* a, const Member* b) { return a->planned(device) > b->planned(device); });
    for (Member* other : others) {
      const Bytes missing = saturating_sub(wanted, left_for(member)[d].bytes);
      if (missing.count == 0) break;
      const Bytes planned = other->planned(device);
      other->session->set_budget(device, std::max(share, saturating_sub(planned, missing)));
      if (!other->session->fit_budget().ok()) other->session->set_budget(device, planned);
    }
  }
}

// Each may grow into what the others leave.
void SessionGroup::distribute() noexcept {
  try {
    for (const auto& member : members_) {
      for (const DeviceBytes& left : left_for(*member)) static_cast<void>(member->session->set_budget(left.device, left.bytes));
    }
  } catch (...) {
    // Those that were not told learn of it with the next session that comes or goes.
  }
}

Result<Session*> SessionGroup::add(Request request) try {
  PLIMSOLL_CHECK(check(options_));
  if (request.model == nullptr) return Error{ErrorCode::usage, "a session needs a model", "session", "set Request::model"};
  auto made = std::make_unique<Member>(Member{std::move(request), nullptr});
  Member& member = *made;
  {
    const std::scoped_lock lock(mutex_);
    members_.push_back(std::move(made));
  }
  const auto open = [&]() -> Result<Session> {
    PLIMSOLL_TRY(Plan plan, claim(member, budgets_));
    if (member.request.rebalance && plan.verdict != Verdict::fits) {
      make_room(member);
      PLIMSOLL_TRY(plan, claim(member, budgets_));
    }
    member.request.workload.held_tokens = plan.tokens_per_pass;
    member.request.workload.held_texts = plan.texts_per_pass;
    Session::Options options{.os = options_.os,
                             .ledger = options_.ledger,
                             .cancel = member.request.cancel,
                             .progress = member.request.progress,
                             .devices = options_.devices,
                             .event = member.request.event};
    options.replan = [this, &member](std::span<const DeviceBytes> budgets) { return claim(member, budgets); };
    return Session::create(*member.request.model, plan, std::move(options));
  };
  Result<Session> session = open();
  if (!session.ok()) {
    forget_unopened();
    distribute();
    return std::move(session).error();
  }
  auto opened = std::make_unique<Session>(std::move(session).value());
  {
    const std::scoped_lock lock(mutex_);
    member.session = std::move(opened);
  }
  distribute();
  return member.session.get();
} catch (const std::bad_alloc&) {
  forget_unopened();
  distribute();
  return heap_exhausted();
}

void SessionGroup::forget_unopened() {
  const std::scoped_lock lock(mutex_);
  if (!members_.empty() && members_.back()->session == nullptr) members_.pop_back();
}

void SessionGroup::remove(const Session& session) {
  std::unique_ptr<Member> gone;  // until nothing is locked
  {
    const std::scoped_lock lock(mutex_);
    const auto found = std::ranges::find_if(members_, [&](const auto& member) { return member->session.get() == &session; });
    if (found == members_.end()) return;
    gone = std::move(*found);
    members_.erase(found);
  }
  gone.reset();
  distribute();
}

}  // namespace plimsoll
