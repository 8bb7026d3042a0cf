#pragma once

#include <array>
#include <memory>
#include <span>

#include <plimsoll/ledger.h>
#include <plimsoll/plan.h>

#include "device/device.h"

namespace plimsoll {

/// The arenas of a plan on an accelerator, charged to its ledger.
class DeviceArenas {
 public:
  DeviceArenas() = default;
  DeviceArenas(const DeviceArenas&) = delete;
  DeviceArenas& operator=(const DeviceArenas&) = delete;
  ~DeviceArenas() { release(); }

  /// Makes the arenas those of `plan` on `device`: those of the same size stay, with what is in them; others are given back before any is
  /// taken. `device` and `ledger` outlive the arenas. Gives the bytes that are new, of the host's memory, and neither weights nor the first
  /// `loaded` of `staging`: what loading does not touch. All or nothing: a failure (out_of_memory, device_lost) gives everything back.
  Result<Bytes> fit(Device& device, Ledger& ledger, const DevicePlan& plan, Bytes loaded);
  void release();

  /// The device's addresses.
  std::span<std::byte> bytes(MemoryTag tag) const;

 private:
  Status take(std::size_t tag, Bytes size);
  void give_back(std::size_t tag);

  Device* device_ = nullptr;
  Ledger* ledger_ = nullptr;
  TagBytes charged_{};
  std::array<std::unique_ptr<DeviceMemory>, kMemoryTags> memory_;
};

}  // namespace plimsoll
