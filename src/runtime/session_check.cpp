#include "runtime/session_check.h"

#include <algorithm>

#include "model/binding.h"
#include "plan/layout/schedule.h"
#include "plan/model_shape.h"
#include "plan/plan_sizes.h"

namespace plimsoll {
namespace {

bool same_pass_values(const Schedule& a, const Schedule& b, const Program& program) {
  for (std::size_t i = 0; i < program.values.size(); ++i) {
    const PlannedValue& x = a.values[i];
    const PlannedValue& y = b.values[i];
    if (outlives_stages(program.values[i].lifetime) && (x.type != y.type || x.offset != y.offset || x.rows != y.rows)) return false;
  }
  return a.pass_bytes == b.pass_bytes;
}

}  // namespace

Status check_pointers(const Os* os, const Ledger* ledger, std::span<OpenDevice* const> devices) {
  if (os == nullptr || ledger == nullptr)
    return Error{ErrorCode::usage, "a session needs an operating system and a ledger", "session", "set Options::os and Options::ledger"};
  const auto missing = std::ranges::find(devices, nullptr);
  if (missing == devices.end()) return {};
  return Error{ErrorCode::usage, "device " + std::to_string(missing - devices.begin() + 1) + " is a null pointer", "session",
               "leave it out of Options::devices and of the snapshot"};
}

Status check_plan(const Plan& plan, const Model& model, std::size_t devices) {
  PLIMSOLL_CHECK(check_unchanged(plan));
  if (plan.schedule->model_shape != model_shape(model.program(), model.binding()))
    return Error{ErrorCode::usage, "the plan was made for another model than " + model.name(), "session"};
  if (plan.verdict == Verdict::does_not_fit) return does_not_fit(plan);
  for (const Stage& stage : *plan.stages) {
    if (const auto device = static_cast<std::size_t>(stage.schedule.device); device > devices)
      return Error{ErrorCode::usage, "the plan computes on " + plan.devices.at(device).name + ", which the session was not given",
                   "session"};
  }
  if (plan.devices.size() <= devices)
    return Error{ErrorCode::usage, "the session was given a device that the plan does not know", "session"};
  return {};
}

// A pass has room for the longest text in every plan; of what else may differ, the arenas that a session shows to its caller.
Status check_same_inputs(const Plan& plan, const Plan& before, const Model& model) {
  const auto io = static_cast<std::size_t>(MemoryTag::io);
  const bool same_texts =
      plan.workload.longest == before.workload.longest && plan.devices.front().arenas[io] == before.devices.front().arenas[io];
  if (same_texts && same_pass_values(*plan.schedule, *before.schedule, model.program())) return {};
  return Error{ErrorCode::usage, "a plan was made anew for another workload than the session's", "session",
               "plan texts of up to " + std::to_string(before.workload.longest) +
                   " tokens and the bytes of the first plan, with held_tokens and held_texts its pass"};
}

}  // namespace plimsoll
