#pragma once

#include <array>
#include <memory>
#include <span>

#include <plimsoll/ledger.h>
#include <plimsoll/plan.h>

#include "device/device.h"

namespace plimsoll {

/// The arenas of a plan on an accelerator, charged to its ledger. All or nothing: a failure gives back what was taken.
class DeviceArenas {
 public:
  /// `device` and `ledger` outlive the result. Fails with out_of_memory.
  static Result<DeviceArenas> create(Device& device, Ledger& ledger, const DevicePlan& plan);
  DeviceArenas() = default;
  DeviceArenas(DeviceArenas&& other) noexcept;
  DeviceArenas& operator=(DeviceArenas&& other) noexcept;
  ~DeviceArenas();

  /// The device's addresses.
  std::span<std::byte> bytes(MemoryTag tag) const;

 private:
  void give_back();

  Ledger* ledger_ = nullptr;
  TagBytes charged_{};
  std::array<std::unique_ptr<DeviceMemory>, kMemoryTags> memory_;
};

}  // namespace plimsoll
