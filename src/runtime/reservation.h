#pragma once

#include <array>
#include <span>

#include <plimsoll/plan.h>

#include "memory/arena.h"

namespace plimsoll {

/// The arenas of a plan on one device. All or nothing: a failure gives back what was taken. `tables` is not in it: the
/// model holds that arena already, charged to the same ledger.
class Reservation {
 public:
  static Result<Reservation> create(Os& os, Ledger& ledger, const DevicePlan& plan);

  std::span<std::byte> bytes(MemoryTag tag) const { return arenas_[static_cast<std::size_t>(tag)].bytes(); }

 private:
  std::array<Arena, kMemoryTags> arenas_;
};

}  // namespace plimsoll
