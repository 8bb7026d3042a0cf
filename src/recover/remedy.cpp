#include "recover/remedy.h"

#include <algorithm>
#include <optional>
#include <string_view>

namespace plimsoll {
namespace {

std::optional<std::size_t> number_of(const Plan& plan, std::string_view name) {
  const auto found = std::find_if(plan.devices.begin(), plan.devices.end(), [&](const DevicePlan& device) { return device.name == name; });
  if (found == plan.devices.end()) return std::nullopt;
  return static_cast<std::size_t>(found - plan.devices.begin());
}

}  // namespace

Remedy find_remedy(const Plan& failed, const Error& error) {
  const std::optional<std::size_t> device = number_of(failed, error.memory ? error.memory->device : error.where);
  const bool beside_host = device && *device > 0;
  switch (error.code) {
    case ErrorCode::out_of_memory:
      if (error.memory && !device) return {};
      return {Remedy::Kind::less, device.value_or(0)};
    case ErrorCode::io: return beside_host ? Remedy{Remedy::Kind::again, *device} : Remedy{};
    case ErrorCode::device_lost: return beside_host ? Remedy{Remedy::Kind::without, *device} : Remedy{};
    default: return {};
  }
}

}  // namespace plimsoll
