#include "runtime/host_pins.h"

#include <algorithm>
#include <array>
#include <utility>

#include "plan/layout/schedule.h"

namespace plimsoll {
namespace {

/// What of the host's arenas the stages of one device copy. All of them share the arenas, so that a device pins each once.
std::array<std::span<std::byte>, 4> copied(const Plan& plan, std::int32_t device, const Reservation& host) {
  std::uint64_t handed_on = 0;
  bool weights = false;
  for (const Stage& stage : *plan.stages) {
    if (stage.schedule.device != device) continue;
    handed_on = std::max(handed_on, stage.schedule.stage_bytes);
    weights = weights || std::ranges::any_of(stage.schedule.ring.disk_numbers, [](std::int32_t number) { return number < 0; });
  }
  const std::span<std::byte> values = host.bytes(MemoryTag::activations);
  return {host.pass_values(), values.first(std::min<std::size_t>(values.size(), handed_on)), host.bytes(MemoryTag::staging),
          weights ? host.bytes(MemoryTag::weights) : std::span<std::byte>{}};
}

}  // namespace

Status HostPins::pin(const Plan& plan, const Reservation& host, std::span<OpenDevice* const> devices) {
  states_.resize(devices.size() + 1);
  for (std::size_t number = 1; number < states_.size(); ++number) {
    const auto device = static_cast<std::int32_t>(number);
    if (std::ranges::none_of(*plan.stages, [&](const Stage& stage) { return stage.schedule.device == device; })) continue;
    states_[number].refused = {};
    for (const std::span<std::byte> pages : copied(plan, device, host)) {
      if (pages.empty()) continue;
      Result<std::unique_ptr<HostPin>> pinned = devices[number - 1]->device().pin(pages);
      if (pinned.ok()) pins_.push_back(std::move(pinned).value());
      else if (pinned.error().code == ErrorCode::device_lost) return std::move(pinned).error();
      else states_[number].refused += Bytes{pages.size()};
    }
  }
  return {};
}

std::vector<HostPins::Refusal> HostPins::take_refusals() {
  std::vector<Refusal> fresh;
  for (std::size_t number = 0; number < states_.size(); ++number) {
    State& state = states_[number];
    const bool refused = state.refused.count > 0;
    if (refused && !state.told) fresh.push_back({number, state.refused});
    state.told = refused;
  }
  return fresh;
}

}  // namespace plimsoll
