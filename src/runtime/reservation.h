#pragma once

#include <array>
#include <memory>
#include <span>

#include <plimsoll/plan.h>

#include "memory/arena.h"

namespace plimsoll {

/// The arenas of a plan on the host. `tables` is not in it: the model holds that arena already, charged to the same ledger. The values that
/// live as long as the pass have an arena of their own, under the tag `activations`: it and `io` never move or change.
class Reservation {
 public:
  /// `os` and `ledger` outlive the reservation, which is empty.
  Reservation(Os& os, Ledger& ledger) : os_(os), ledger_(ledger) {}

  /// Makes the arenas those of `plan`, whose Schedule::pass_bytes are always the same. First gives back what is too much, so that the
  /// larger of two plans is never exceeded, then takes what is missing. Weights and activations keep what both plans have room for and may
  /// move; `workspace` and `staging` are new where their size differs, and `staging` also where a reader of the plan before is still at
  /// work in it. Gives the bytes that are new and no weights. A failure (`out_of_memory`) leaves some arenas as they were and others as
  /// they shall be.
  Result<Bytes> fit(const Plan& plan);

  /// Gives everything back but pass values and `io`. Needs no memory.
  void release();

  std::span<std::byte> bytes(MemoryTag tag) const;
  /// The first Schedule::pass_bytes of `activations`; `bytes` has the rest.
  std::span<std::byte> pass_values() const { return pass_values_.bytes(); }
  /// Keeps `staging` as long as somebody may write there.
  std::shared_ptr<void> staging_owner() const { return arenas_[static_cast<std::size_t>(MemoryTag::staging)].owner(); }
  bool staging_is_kept() const { return arenas_[static_cast<std::size_t>(MemoryTag::staging)].is_kept(); }

 private:
  Arena& arena(MemoryTag tag) { return arenas_[static_cast<std::size_t>(tag)]; }
  Status take(MemoryTag tag, Bytes size);
  void drop(MemoryTag tag);
  bool has(MemoryTag tag, Bytes size) const;

  Os& os_;
  Ledger& ledger_;
  Arena pass_values_;
  std::array<Arena, kMemoryTags> arenas_;  ///< `activations` without pass values
  std::array<Arena, 8> stuck_;             ///< dropped while readers were stuck in them: they count until that ends
};

}  // namespace plimsoll
