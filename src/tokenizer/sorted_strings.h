#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace plimsoll::tokenizer {

/// A string of a SortedStrings and the number that it stands for.
struct StringEntry {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  std::int32_t value = 0;
};

/// A set of strings over memory that somebody else owns. Lookups go byte by byte through a sorted array, so that no choice
/// of strings makes them slow: a step takes at most log2(n) comparisons of one byte.
class SortedStrings {
 public:
  /// The entries that begin with some `depth` bytes: [low, high). The string of these bytes, if there, comes first.
  struct Range {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    std::uint32_t depth = 0;
    bool empty() const { return low == high; }
  };

  SortedStrings() = default;
  /// `entries` have been sorted by `sort`, and no two have the same string. Offsets and lengths lie within `bytes`.
  SortedStrings(std::span<const char> bytes, std::span<const StringEntry> entries);

  /// By string, then by value; in place.
  static void sort(std::span<const char> bytes, std::span<StringEntry> entries);

  std::size_t size() const { return entries_.size(); }
  const StringEntry& operator[](std::size_t i) const { return entries_[i]; }
  std::string_view string(const StringEntry& entry) const { return {bytes_.data() + entry.offset, entry.length}; }
  std::uint32_t longest() const { return longest_; }

  Range all() const { return {0, static_cast<std::uint32_t>(entries_.size()), 0}; }
  /// To the entries that go on with `next`. The range is changed in place, and not passed in and out: to pack its three numbers into
  /// registers takes longer than the search.
  void narrow(Range& range, unsigned char next) const {
    if (range.depth == 0) {
      range = {first_[next], first_[next + 1U], 1};
    } else if (!range.empty()) {
      // Most steps of most walks leave all that is there.
      const bool all =
          entries_[range.low].length > range.depth && byte(range.low, range.depth) == next && byte(range.high - 1, range.depth) == next;
      if (all) ++range.depth;
      else search(range, next);
    }
  }
  Range narrow(Range range, std::string_view next) const {
    for (const char c : next) narrow(range, static_cast<unsigned char>(c));
    return range;
  }
  /// The entry whose string is exactly the bytes of a range, or null.
  const StringEntry* exact(const Range& range) const {
    return !range.empty() && entries_[range.low].length == range.depth ? &entries_[range.low] : nullptr;
  }

  const StringEntry* find(std::string_view text) const { return exact(narrow(all(), text)); }

 private:
  void search(Range& range, unsigned char next) const;
  unsigned char byte(std::uint32_t entry, std::uint32_t depth) const {
    return static_cast<unsigned char>(bytes_[entries_[entry].offset + depth]);
  }

  std::span<const char> bytes_;
  std::span<const StringEntry> entries_;
  std::array<std::uint32_t, 257> first_{};  ///< entries whose first byte is b: [first_[b], first_[b + 1])
  std::uint32_t longest_ = 0;
};

}  // namespace plimsoll::tokenizer
