#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <vector>

#include <plimsoll/ledger.h>
#include <plimsoll/os.h>

namespace plimsoll::cli {

/// Memory of the system for containers that grow to a size nobody knows beforehand: each block is a mapping of its own, whole pages,
/// charged to a ledger while it lives. For large blocks; small ones go through a pool on top of it. Throws std::bad_alloc.
class ChargedMemory final : public std::pmr::memory_resource {
 public:
  /// `os` and `ledger` must outlive it.
  ChargedMemory(Os& os, Ledger& ledger, MemoryTag tag) : os_(os), ledger_(ledger), tag_(tag) {}

  /// Who refused the last request.
  enum class Refusal : std::uint8_t {
    none,
    room,    ///< what is allowed, or the ledger
    system,  ///< whatever gives memory to this process
  };

  Bytes held() const { return held_; }
  /// Allows so much in all, beside what the ledger allows, and forgets refusals.
  void allow(Bytes most);
  /// The last one since then.
  Refusal refusal() const { return refusal_; }

 private:
  struct Block {
    std::unique_ptr<Mapping> mapping;
    Bytes size;
  };

  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* place, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  Os& os_;
  Ledger& ledger_;
  MemoryTag tag_;
  Bytes most_ = kib(std::uint64_t{1} << 52U);
  Bytes held_;
  Refusal refusal_ = Refusal::none;
  std::vector<Block> blocks_;
};

}  // namespace plimsoll::cli
