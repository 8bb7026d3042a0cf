#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <plimsoll/device.h>
#include <plimsoll/plan.h>

#include "device/device.h"
#include "runtime/reservation.h"

namespace plimsoll {

/// The host's arenas pinned for copies to and from the accelerators of a plan, as far as that can be had: what is refused is copied as
/// pageable memory.
class HostPins {
 public:
  struct Refusal {
    std::size_t device = 0;  ///< by its number in Plan::devices
    Bytes bytes;             ///< that its copies touch and that are not pinned
  };

  /// Pins, for each device that computes a stage of `plan`, what its copies come from and go to in `host`: values that passes and stages
  /// share, staging, and weights where chunks are copied from them. `host`, fitted to the plan, and `devices`, from number 1 on, outlive
  /// the pins. Those of before are released already. Fails with device_lost.
  Status pin(const Plan& plan, const Reservation& host, std::span<OpenDevice* const> devices);
  /// Before the arenas change.
  void release() { pins_.clear(); }

  /// Devices whose copies became pageable since it was asked last: one that was told of is not told of again until all could be pinned.
  std::vector<Refusal> take_refusals();

 private:
  struct State {
    Bytes refused;
    bool told = false;
  };

  std::vector<std::unique_ptr<HostPin>> pins_;
  std::vector<State> states_;  ///< by the number of the device
};

}  // namespace plimsoll
