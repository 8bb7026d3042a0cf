#include "runtime/device_arenas.h"

#include <utility>

namespace plimsoll {

Result<DeviceArenas> DeviceArenas::create(Device& device, Ledger& ledger, const DevicePlan& plan) {
  DeviceArenas arenas;
  arenas.ledger_ = &ledger;
  for (std::size_t i = 0; i < kMemoryTags; ++i) {
    if (plan.arenas[i].count == 0) continue;
    PLIMSOLL_CHECK(ledger.charge(static_cast<MemoryTag>(i), plan.arenas[i]));
    arenas.charged_[i] = plan.arenas[i];
    PLIMSOLL_TRY(arenas.memory_[i], device.allocate(plan.arenas[i]));
  }
  return arenas;
}

DeviceArenas::DeviceArenas(DeviceArenas&& other) noexcept
    : ledger_(std::exchange(other.ledger_, nullptr)), charged_(std::exchange(other.charged_, {})), memory_(std::move(other.memory_)) {}

DeviceArenas& DeviceArenas::operator=(DeviceArenas&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  ledger_ = std::exchange(other.ledger_, nullptr);
  charged_ = std::exchange(other.charged_, {});
  memory_ = std::move(other.memory_);
  return *this;
}

DeviceArenas::~DeviceArenas() { give_back(); }

void DeviceArenas::give_back() {
  for (std::size_t i = 0; i < kMemoryTags; ++i) {
    memory_[i].reset();
    if (charged_[i].count > 0) ledger_->release(static_cast<MemoryTag>(i), std::exchange(charged_[i], Bytes{}));
  }
}

std::span<std::byte> DeviceArenas::bytes(MemoryTag tag) const {
  const auto& memory = memory_[static_cast<std::size_t>(tag)];
  return memory ? memory->bytes() : std::span<std::byte>{};
}

}  // namespace plimsoll
