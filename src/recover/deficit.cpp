#include "recover/deficit.h"

#include <algorithm>

namespace plimsoll {

namespace {

Bytes smallest_budget(const Plan& plan, const std::string& device) {
  for (const DeviceBytes& least : plan.smallest_budget) {
    if (least.device == device) return least.bytes;
  }
  return {};
}

}  // namespace

Bytes next_budget(const Plan& failed, std::size_t device, const Error& error, Bytes free) {
  const DevicePlan& short_of = failed.devices.at(device);
  const Bytes total = short_of.planned_total();
  Bytes deficit{saturating_sub(total, smallest_budget(failed, short_of.name)).count / 4};
  if (error.memory) {
    const Bytes usable = std::min(error.memory->free, error.memory->largest_piece.value_or(error.memory->free));
    deficit = std::max(saturating_sub(error.memory->requested, usable), kPage);
  }
  return std::min(saturating_sub(total, deficit), free);
}

}  // namespace plimsoll
