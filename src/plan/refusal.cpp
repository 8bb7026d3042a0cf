#include <algorithm>

#include <plimsoll/plan.h>

namespace plimsoll {
namespace {

// Two sizes in words, to the byte where rounding would make them look alike.
std::pair<std::string, std::string> told_apart(Bytes a, Bytes b) {
  if (format_bytes(a) != format_bytes(b)) return {format_bytes(a), format_bytes(b)};
  return {format_exact(a), format_exact(b)};
}

// Whether what bounds a budget is a limit that somebody set, on a group of processes or this one, and not what the machine has.
bool is_settable(const std::string& set_by) { return set_by.starts_with('/') || set_by.starts_with("RLIMIT_"); }

std::string has_in_all(const DevicePlan& device) { return device.name + " has " + format_bytes(device.total) + " in all"; }

// No single device's budget would do.
Error several_do_not_fit(const Plan& plan) {
  std::string needs;
  std::string beyond;  // what no budget brings
  for (const DevicePlan& device : plan.devices) {
    if (device.planned_total() <= device.budget) continue;
    if (!plan.could_hold({device.name, device.planned_total()})) beyond += (beyond.empty() ? "" : ", and ") + has_in_all(device);
    needs += (needs.empty() ? "" : ", and ") + format_bytes(device.planned_total()) + " on " + device.name + ", whose budget is " +
             format_bytes(device.budget);
  }
  const auto missing = [](const DevicePlan& device) { return saturating_sub(device.planned_total(), device.budget); };
  const DevicePlan& device =
      *std::max_element(plan.devices.begin(), plan.devices.end(), [&](const auto& a, const auto& b) { return missing(a) < missing(b); });
  Error error{ErrorCode::does_not_fit, plan.model + " needs " + needs, "no device has enough",
              beyond.empty() ? "raise the budgets of all of them, or use a smaller model"
                             : beyond + ": use a smaller model or shorter texts (--max-length)"};
  error.memory = MemoryShortfall{device.name, device.planned_total(), device.free, device.budget, {}, {}};
  return error;
}

}  // namespace

Error does_not_fit(const Plan& plan) {
  const auto device_of = [&](const std::string& name) {
    return *std::find_if(plan.devices.begin(), plan.devices.end(), [&](const DevicePlan& device) { return device.name == name; });
  };
  // An accelerator's, where one would do alone.
  const auto short_of = [&](const DeviceBytes& least) { return least.bytes > device_of(least.device).budget; };
  const auto last = std::find_if(plan.smallest_budget.rbegin(), plan.smallest_budget.rend(), short_of);
  if (last == plan.smallest_budget.rend()) return several_do_not_fit(plan);
  const DeviceBytes& least = *last;
  const DevicePlan device = device_of(least.device);
  const Bytes smallest = least.bytes;
  const auto amounts = told_apart(smallest, device.budget);
  const std::string amount = device.name == "cpu" ? format_exact(smallest) : device.name + "=" + format_exact(smallest);
  std::string advice;
  const bool attainable = plan.could_hold(least);
  if (!attainable) advice = has_in_all(device) + ": use a smaller model or shorter texts (--max-length)";
  else if (smallest > device.free)
    advice = "free " + format_bytes(smallest - device.free) + (is_settable(device.budget_set_by) ? " under that limit or raise it" : "") +
             ", or use a smaller model or shorter texts (--max-length)";
  if (device.budget < device.free && attainable) advice += (advice.empty() ? "" : "; and ") + ("raise --max-memory to " + amount);
  Error error{ErrorCode::does_not_fit, plan.model + " needs at least " + amounts.first + " and the budget is " + amounts.second,
              device.name + ", set by " + device.budget_set_by, std::move(advice)};
  for (const Alternative& other : plan.alternatives) {
    if (other.verdict == Verdict::does_not_fit || element_bytes(other.dtype) >= element_bytes(plan.dtype)) continue;
    error.advice += (error.advice.empty() ? "use --dtype " : "; or --dtype ") + std::string(element_name(other.asked)) +
                    ", which fits in " + format_bytes(other.bytes);
    break;
  }
  error.memory = MemoryShortfall{device.name, smallest, device.free, device.budget, plan.smallest_budget, {}};
  return error;
}

}  // namespace plimsoll
