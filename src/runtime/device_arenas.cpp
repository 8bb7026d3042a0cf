#include "runtime/device_arenas.h"

#include <utility>

namespace plimsoll {

Result<Bytes> DeviceArenas::fit(Device& device, Ledger& ledger, const DevicePlan& plan, Bytes loaded) {
  if (device_ != &device || ledger_ != &ledger) release();
  device_ = &device;
  ledger_ = &ledger;
  for (std::size_t i = 0; i < kMemoryTags; ++i) {
    if (charged_[i] != plan.arenas[i]) give_back(i);
  }
  Bytes fresh;
  for (std::size_t i = 0; i < kMemoryTags; ++i) {
    if (charged_[i] == plan.arenas[i]) continue;
    if (Status taken = take(i, plan.arenas[i]); !taken.ok()) {
      release();
      return std::move(taken).error();
    }
    const auto tag = static_cast<MemoryTag>(i);
    if (device.is_in_host_memory() && tag != MemoryTag::weights)
      fresh += saturating_sub(plan.arenas[i], tag == MemoryTag::staging ? loaded : Bytes{});
  }
  return fresh;
}

Status DeviceArenas::take(std::size_t tag, Bytes size) {
  PLIMSOLL_CHECK(ledger_->charge(static_cast<MemoryTag>(tag), size));
  charged_[tag] = size;
  PLIMSOLL_TRY(memory_[tag], device_->allocate(size));
  return {};
}

void DeviceArenas::give_back(std::size_t tag) {
  memory_[tag].reset();
  if (charged_[tag].count > 0) ledger_->release(static_cast<MemoryTag>(tag), std::exchange(charged_[tag], Bytes{}));
}

void DeviceArenas::release() {
  for (std::size_t i = 0; i < kMemoryTags; ++i) give_back(i);
}

std::span<std::byte> DeviceArenas::bytes(MemoryTag tag) const {
  const auto& memory = memory_[static_cast<std::size_t>(tag)];
  return memory ? memory->bytes() : std::span<std::byte>{};
}

}  // namespace plimsoll
