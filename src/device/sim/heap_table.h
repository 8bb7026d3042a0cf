#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/bytes.h>

namespace plimsoll::sim {

/// Who holds a block: a process, told from a later one of the same number by its start, and which of its heaps. pid 0 is nobody's: the
/// `used` bytes of the specification.
struct Owner {
  std::int64_t pid = 0;
  std::uint64_t start = 0;  ///< clock ticks since boot, as /proc/PID/stat says
  std::uint64_t heap = 0;
  friend bool operator==(const Owner&, const Owner&) = default;
  bool same_process(const Owner& other) const { return pid == other.pid && start == other.start; }
};

/// What a block is for.
enum class BlockUse : std::uint8_t { memory, context, others };

/// A piece of the heap's range of addresses.
struct Block {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  Owner owner;
  BlockUse use = BlockUse::memory;
  std::uint64_t end() const { return offset + size; }
  friend bool operator==(const Block&, const Block&) = default;
};

/// Blocks are whole multiples of this many bytes, at multiples of it.
inline constexpr std::uint64_t kGranule = 512;
constexpr std::uint64_t round_to_granules(std::uint64_t size) { return (size + kGranule - 1) / kGranule * kGranule; }

/// Which parts of a range of addresses are taken. Blocks never overlap and never end beyond the range. Values only: no file, no lock.
class HeapTable {
 public:
  static constexpr std::size_t kMostBlocks = 8192;
  static constexpr std::size_t kLongestText = 1U << 20U;

  /// `memory` is rounded down to granules. `used` bytes, rounded up, are taken by nobody at the top.
  HeapTable(Bytes memory, Bytes used);

  Bytes memory() const { return memory_; }
  Bytes used() const { return used_; }  ///< as given at first
  std::span<const Block> blocks() const { return blocks_; }
  Bytes free() const;
  Bytes largest_piece() const;

  /// Takes the smallest gap that has room for `size` bytes (0 counts as 1), at its lower end. Nothing when no gap has, or at kMostBlocks.
  std::optional<Block> place(std::uint64_t size, const Owner& owner, BlockUse use);
  /// Takes `size` bytes at the top, in as many pieces as it needs; less where less is free.
  void occupy(std::uint64_t size, const Owner& owner);
  /// Gives back up to `size` bytes of `owner` that were taken by `occupy`. Tells how many it were.
  std::uint64_t vacate(std::uint64_t size, const Owner& owner);
  /// Makes `mine` all that `owner` has, less blocks whose place others have.
  void restore(const Owner& owner, std::span<const Block> mine);

  /// Lines of text: a head, then a line for each block. `parse` gives nothing for text of another form, nor
  /// for blocks that overlap or end beyond the memory.
  std::string format() const;
  static std::optional<HeapTable> parse(std::string_view text);

  template <typename Gone>
  void remove_owners(Gone&& gone) {
    std::erase_if(blocks_, [&](const Block& block) { return block.owner.pid != 0 && gone(block.owner); });
  }

 private:
  struct Gap {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };
  template <typename Visit>
  void visit_gaps(Visit&& visit) const;
  void insert(const Block& block);
  bool is_free(const Block& block) const;

  Bytes memory_;
  Bytes used_;
  std::vector<Block> blocks_;  ///< by offset
};

}  // namespace plimsoll::sim
