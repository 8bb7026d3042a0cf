#include "recover/deficit.h"

#include <algorithm>

namespace plimsoll {

namespace {

Bytes smallest_budget(const Plan& plan) {
  for (const DeviceBytes& least : plan.smallest_budget) {
    if (least.device == plan.devices.front().name) return least.bytes;
  }
  return {};
}

}  // namespace

bool can_recover(const Plan& failed, const Error& error) {
  return error.code == ErrorCode::out_of_memory && (!error.memory || error.memory->device == failed.devices.front().name);
}

Bytes next_budget(const Plan& failed, const Error& error, Bytes free) {
  const Bytes total = failed.devices.front().planned_total();
  Bytes deficit{saturating_sub(total, smallest_budget(failed)).count / 4};
  if (error.memory) deficit = std::max(saturating_sub(error.memory->requested, error.memory->free), kPage);
  return std::min(saturating_sub(total, deficit), free);
}

}  // namespace plimsoll
