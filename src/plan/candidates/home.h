#pragma once

#include <cstdint>

namespace plimsoll {

/// Where a weight is between passes: in the memory of the device that computes with it, in the host's memory for a device that is not
/// the host, or only in its file.
enum class Home : std::uint8_t { device, host, disk };

}  // namespace plimsoll
