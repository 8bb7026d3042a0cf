#include "recover/difference.h"

#include <algorithm>
#include <cmath>

#include <plimsoll/seconds.h>

#include "plan/layout/schedule.h"

namespace plimsoll {
namespace {

bool same(const PlannedValue& a, const PlannedValue& b) {
  return a.type == b.type && a.offset == b.offset && a.rows == b.rows && a.cols == b.cols;
}

double seconds_per_token(const Plan& plan) {
  return plan.pass_seconds / static_cast<double>(std::max<std::int64_t>(plan.tokens_per_pass, 1));
}

bool has(const Plan& plan, const Sacrifice& wanted) {
  return std::any_of(plan.sacrifices.begin(), plan.sacrifices.end(),
                     [&](const Sacrifice& s) { return s.rung == wanted.rung && s.why == wanted.why; });
}

void append(std::string& list, const std::string& item) { list += (list.empty() ? "" : ", ") + item; }

std::string format_total(Bytes total) { return total.count == 0 ? "nothing" : format_bytes(total); }

// Of every device whose share changes; the host alone needs no name.
std::string totals(const Plan& before, const Plan& after) {
  std::string list;
  for (std::size_t i = 0; i < after.devices.size(); ++i) {
    const Bytes now = after.devices[i].planned_total();
    const Bytes then = before.devices[i].planned_total();
    if (now == then && after.devices.size() > 1) continue;
    const std::string where = after.devices.size() > 1 ? " on " + after.devices[i].name : "";
    append(list, format_total(now) + where + " instead of " + format_total(then));
  }
  return list.empty() ? "as much memory as before" : list;
}

}  // namespace

std::string_view event_name(SessionEvent::Kind kind) {
  switch (kind) {
    case SessionEvent::Kind::replanned: return "replanned";
    case SessionEvent::Kind::recovered: return "recovered";
    case SessionEvent::Kind::shed: return "shed";
    case SessionEvent::Kind::grown: return "grown";
    case SessionEvent::Kind::kept: return "kept";
  }
  return "unknown";
}

bool same_values(const Plan& a, const Plan& b) {
  const auto has_stages = [](const Plan& plan) { return plan.stages != nullptr && plan.stages->size() > 1; };
  if (has_stages(a) || has_stages(b)) return false;
  const auto& left = a.schedule->values;
  const auto& right = b.schedule->values;
  return a.schedule->device == b.schedule->device && a.tokens_per_pass == b.tokens_per_pass && a.texts_per_pass == b.texts_per_pass &&
         std::equal(left.begin(), left.end(), right.begin(), right.end(), same);
}

bool same_precision(const Plan& a, const Plan& b) {
  return std::equal(a.layers.begin(), a.layers.end(), b.layers.begin(), b.layers.end(),
                    [](const LayerPlan& x, const LayerPlan& y) { return x.dtype == y.dtype && x.compute_dtype == y.compute_dtype; });
}

bool is_faster(const Plan& a, const Plan& b) { return seconds_per_token(a) < seconds_per_token(b); }

SessionEvent describe_change(SessionEvent::Kind kind, std::size_t device, const std::string& cause, const Plan& before, const Plan& after) {
  SessionEvent event;
  event.kind = kind;
  event.device = after.devices.at(device).name;
  event.cost_seconds = (seconds_per_token(after) - seconds_per_token(before)) * static_cast<double>(before.tokens_per_pass);
  const auto note = [&](const Sacrifice& sacrifice) {
    if (std::find(event.rungs.begin(), event.rungs.end(), sacrifice.rung) == event.rungs.end()) event.rungs.push_back(sacrifice.rung);
  };
  std::string changes;
  for (const Sacrifice& sacrifice : after.sacrifices) {
    if (has(before, sacrifice)) continue;
    note(sacrifice);
    append(changes, sacrifice.why);
  }
  for (const Sacrifice& sacrifice : before.sacrifices) {
    if (has(after, sacrifice)) continue;
    const bool gone =
        std::none_of(after.sacrifices.begin(), after.sacrifices.end(), [&](const Sacrifice& s) { return s.rung == sacrifice.rung; });
    note(sacrifice);
    if (gone) append(changes, "no more " + std::string(rung_name(sacrifice.rung)));
  }
  if (after.tokens_per_pass != before.tokens_per_pass)
    append(changes, "passes of " + std::to_string(after.tokens_per_pass) + " tokens instead of " + std::to_string(before.tokens_per_pass));
  event.text = cause + ": " + totals(before, after);
  if (!changes.empty()) event.text += ", " + changes;
  if (std::abs(event.cost_seconds) > 1e-6)
    event.text += ", " + format_seconds(std::abs(event.cost_seconds)) + (event.cost_seconds > 0 ? " more" : " less") + " a pass";
  return event;
}

}  // namespace plimsoll
