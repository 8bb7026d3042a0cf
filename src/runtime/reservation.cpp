#include "runtime/reservation.h"

#include <algorithm>

#include "plan/layout/schedule.h"

namespace plimsoll {
namespace {

constexpr std::array kTags = {MemoryTag::weights, MemoryTag::activations, MemoryTag::workspace,
                              MemoryTag::staging, MemoryTag::kv,          MemoryTag::io};

bool keeps_content(MemoryTag tag) { return tag == MemoryTag::weights || tag == MemoryTag::activations; }

Bytes planned(const Plan& plan, MemoryTag tag) {
  const Bytes all = plan.devices.front().arenas[static_cast<std::size_t>(tag)];
  return tag == MemoryTag::activations ? saturating_sub(all, Bytes{plan.schedule->pass_bytes}) : all;
}

}  // namespace

std::span<std::byte> Reservation::bytes(MemoryTag tag) const { return arenas_[static_cast<std::size_t>(tag)].bytes(); }

Status Reservation::take(MemoryTag tag, Bytes size) {
  if (!bytes(tag).empty()) return arena(tag).resize(size);
  PLIMSOLL_TRY(Arena taken, Arena::create(os_, ledger_, tag, size));
  if (tag == MemoryTag::staging) taken.use_huge_pages();
  arena(tag) = std::move(taken);
  return {};
}

void Reservation::drop(MemoryTag tag) {
  for (Arena& stuck : stuck_) {
    if (!stuck.is_kept()) stuck = Arena();
  }
  if (!arena(tag).is_kept()) {
    arena(tag) = Arena();
    return;
  }
  // With as many stuck already the first does not count any more.
  const auto free = std::ranges::find(stuck_, Bytes{}, &Arena::size);
  (free == stuck_.end() ? stuck_.front() : *free) = std::move(arena(tag));
}

// What somebody else may still write into is not there for another plan.
bool Reservation::has(MemoryTag tag, Bytes size) const {
  return bytes(tag).size() == size.count && !arenas_[static_cast<std::size_t>(tag)].is_kept();
}

Result<Bytes> Reservation::fit(const Plan& plan) {
  for (const MemoryTag tag : kTags) {
    const Bytes size = planned(plan, tag);
    const Bytes now{bytes(tag).size()};
    if (has(tag, size)) continue;
    if (!keeps_content(tag)) drop(tag);
    else if (size < now) PLIMSOLL_CHECK(arena(tag).resize(size));
  }
  Bytes fresh;
  if (pass_values_.size().count == 0) {
    PLIMSOLL_TRY(pass_values_, Arena::create(os_, ledger_, MemoryTag::activations, Bytes{plan.schedule->pass_bytes}));
    fresh += pass_values_.size();
  }
  if (pass_values_.size().count != plan.schedule->pass_bytes)
    return Error{ErrorCode::internal, "a session's pass values cannot change their size", "reservation"};
  for (const MemoryTag tag : kTags) {
    const Bytes size = planned(plan, tag);
    const Bytes now{bytes(tag).size()};
    if (size == now) continue;
    if (tag != MemoryTag::weights) fresh += size - now;
    PLIMSOLL_CHECK(take(tag, size));
  }
  return fresh;
}

void Reservation::release() {
  for (const MemoryTag tag : kTags) {
    if (tag != MemoryTag::io) drop(tag);
  }
}

}  // namespace plimsoll
