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

std::span<std::byte> Reservation::bytes(MemoryTag tag) const {
  if (tag != MemoryTag::staging) return arenas_[static_cast<std::size_t>(tag)].bytes();
  return staging_ != nullptr ? staging_->bytes() : std::span<std::byte>{};
}

Status Reservation::take(MemoryTag tag, Bytes size) {
  if (!bytes(tag).empty()) return arena(tag).resize(size);
  PLIMSOLL_TRY(Arena taken, Arena::create(os_, ledger_, tag, size));
  if (tag == MemoryTag::staging) {
    taken.use_huge_pages();
    staging_ = std::make_shared<Arena>(std::move(taken));
  } else {
    arena(tag) = std::move(taken);
  }
  return {};
}

Result<Bytes> Reservation::fit(const Plan& plan) {
  for (const MemoryTag tag : kTags) {
    const Bytes size = planned(plan, tag);
    const Bytes now{bytes(tag).size()};
    if (size == now) continue;
    if (tag == MemoryTag::staging) staging_.reset();
    else if (!keeps_content(tag)) arena(tag) = Arena();
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
    if (tag == MemoryTag::staging) staging_.reset();
    else if (tag != MemoryTag::io) arena(tag) = Arena();
  }
}

}  // namespace plimsoll
