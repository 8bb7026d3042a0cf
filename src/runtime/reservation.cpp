#include "runtime/reservation.h"

namespace plimsoll {

Result<Reservation> Reservation::create(Os& os, Ledger& ledger, const DevicePlan& plan) {
  Reservation reservation;
  for (std::size_t i = 0; i < kMemoryTags; ++i) {
    const auto tag = static_cast<MemoryTag>(i);
    if (tag == MemoryTag::tables) continue;
    PLIMSOLL_TRY(reservation.arenas_[i], Arena::create(os, ledger, tag, plan.arenas[i]));
  }
  return reservation;
}

}  // namespace plimsoll
