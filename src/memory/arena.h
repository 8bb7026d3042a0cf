#pragma once

#include <memory>
#include <memory_resource>
#include <span>

#include <plimsoll/os.h>

#include "memory/ledger.h"

namespace plimsoll {

/// A range of host memory, charged to a ledger under one tag for as long as it lives. Move-only. The size is rounded up
/// to whole pages; an arena of zero bytes holds nothing. Pages are populated by first use.
class Arena {
 public:
  Arena() = default;
  /// Charges, then maps. On failure (`out_of_memory`) nothing stays charged. `ledger` must outlive the arena.
  static Result<Arena> create(Os& os, Ledger& ledger, MemoryTag tag, Bytes size);
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;
  ~Arena();

  /// Makes it `size` bytes (rounded up to pages) long and keeps what is in the part that stays. Growing charges first, may move the arena
  /// and fails with `out_of_memory`, nothing changed. Shrinking never fails: it releases after the memory was given back, all of it
  /// where `size` is zero. An arena of zero bytes cannot grow: make a new one.
  Status resize(Bytes size);

  /// As Mapping's.
  void use_huge_pages() {
    if (mapping_) mapping_->use_huge_pages();
  }

  std::span<std::byte> bytes() const { return mapping_ ? mapping_->bytes() : std::span<std::byte>{}; }
  Bytes size() const { return size_; }
  MemoryTag tag() const { return tag_; }

  /// Keeps the memory, uncharged, for somebody who may write there after the arena is gone, and with it the ledger.
  std::shared_ptr<void> owner() const { return mapping_; }
  /// Whether somebody keeps it so.
  bool is_kept() const { return mapping_.use_count() > 1; }

 private:
  Ledger* ledger_ = nullptr;
  MemoryTag tag_ = MemoryTag::io;
  Bytes size_;
  std::shared_ptr<Mapping> mapping_;
};

/// Hands out an arena's memory from bottom to top, for containers of namespace std::pmr. Only the block handed out last is
/// given back by itself; the rest with `rewind`. Throws std::bad_alloc when the arena is used up: callers size the arena first and catch at
/// the edge.
class ArenaResource final : public std::pmr::memory_resource {
 public:
  explicit ArenaResource(std::span<std::byte> bytes) : bytes_(bytes) {}

  std::size_t used() const { return used_; }
  std::size_t highest_used() const { return highest_; }
  /// Whether it threw.
  bool was_too_small() const { return was_too_small_; }
  void rewind() { used_ = 0; }

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override;
  void do_deallocate(void* pointer, std::size_t size, std::size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  std::span<std::byte> bytes_;
  std::size_t used_ = 0;
  std::size_t highest_ = 0;
  bool was_too_small_ = false;
};

}  // namespace plimsoll
