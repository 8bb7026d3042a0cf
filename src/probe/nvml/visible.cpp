#include <algorithm>

#include <plimsoll/device_status.h>

#include "probe/fields.h"

namespace plimsoll {
namespace {

using Order = std::vector<std::size_t>;

bool is_instance(const DeviceStatus& device) { return device.name.find("/mig:") != std::string::npos; }

/// A device by its number among whole devices.
std::optional<std::size_t> by_index(std::uint64_t index, std::span<const DeviceStatus> devices) {
  for (std::size_t i = 0; i < devices.size(); ++i) {
    if (!is_instance(devices[i]) && index-- == 0) return i;
  }
  return std::nullopt;
}

/// The one device whose UUID, or name of its MIG instance, begins so.
std::optional<std::size_t> by_name(std::string_view name, std::span<const DeviceStatus> devices) {
  static constexpr std::string_view kInstance = "MIG-GPU-";
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const bool named = name.starts_with(kInstance) ? !devices[i].mig.empty() && "MIG-" + devices[i].mig == name
                                                   : std::string_view(devices[i].uuid).starts_with(name);
    if (!named) continue;
    if (found) return std::nullopt;
    found = i;
  }
  return found;
}

/// Without a list: whole devices; where all are split, the first instance, since a process uses one at most.
Order all_devices(std::span<const DeviceStatus> devices) {
  Order order;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    if (!is_instance(devices[i]) && !devices[i].split) order.push_back(i);
  }
  if (!order.empty()) return order;
  const auto first = std::ranges::find_if(devices, is_instance);
  if (first != devices.end()) order.push_back(static_cast<std::size_t>(first - devices.begin()));
  return order;
}

}  // namespace

std::vector<std::size_t> visible_devices(const std::optional<std::string>& variable, std::span<const DeviceStatus> devices) {
  if (!variable) return all_devices(devices);
  Order order;
  for (const std::string_view piece : probe::split(*variable, ',')) {
    const std::string_view entry = probe::trimmed(piece);
    const auto index = probe::parse_number(entry);
    const bool is_name = entry.starts_with("GPU-") || entry.starts_with("MIG-");
    const auto found = index ? by_index(*index, devices) : is_name ? by_name(entry, devices) : std::nullopt;
    // A device that is named twice is an error of CUDA's, and nothing is visible.
    if (found && std::ranges::find(order, *found) != order.end()) return {};
    if (!found) break;
    order.push_back(*found);
  }
  return order;
}

}  // namespace plimsoll
