#pragma once

#include <cstddef>
#include <cstdint>

#include <plimsoll/plan.h>

namespace plimsoll {

/// What may cure a failure of a plan, and on which of its devices (by number in Plan::devices).
struct Remedy {
  enum class Kind : std::uint8_t {
    none,     ///< planning cannot help
    less,     ///< plan with less of the device's memory
    again,    ///< the same once more: a copy or launch that failed; if it fails twice, without the device
    without,  ///< plan without the device: what it held is gone
  };
  Kind kind = Kind::none;
  std::size_t device = 0;
};

/// The device is that of the error's figures, else the one that the error names as its place; want of memory that names neither is the
/// host's. Files, requests and broken invariants have no remedy here, and the host is never done without.
Remedy find_remedy(const Plan& failed, const Error& error);

}  // namespace plimsoll
