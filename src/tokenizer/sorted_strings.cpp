#include "tokenizer/sorted_strings.h"

#include <algorithm>

namespace plimsoll::tokenizer {

void SortedStrings::sort(std::span<const char> bytes, std::span<StringEntry> entries) {
  const auto string = [&](const StringEntry& e) { return std::string_view(bytes.data() + e.offset, e.length); };
  std::sort(entries.begin(), entries.end(), [&](const StringEntry& a, const StringEntry& b) {
    const int order = string(a).compare(string(b));
    return order != 0 ? order < 0 : a.value < b.value;
  });
}

SortedStrings::SortedStrings(std::span<const char> bytes, std::span<const StringEntry> entries) : bytes_(bytes), entries_(entries) {
  for (const StringEntry& entry : entries) longest_ = std::max(longest_, entry.length);
  auto at = std::partition_point(entries.begin(), entries.end(), [](const StringEntry& e) { return e.length == 0; });
  for (unsigned b = 0; b <= 256; ++b) {
    at = std::partition_point(at, entries.end(), [&](const StringEntry& e) { return static_cast<unsigned char>(bytes_[e.offset]) < b; });
    first_[b] = static_cast<std::uint32_t>(at - entries.begin());
  }
}

SortedStrings::Range SortedStrings::narrow(Range range, unsigned char next) const {
  const std::uint32_t depth = range.depth;
  if (depth == 0) return {first_[next], first_[next + 1U], 1};
  std::uint32_t low = range.low;
  std::uint32_t high = range.high;
  while (low < high && entries_[low].length == depth) ++low;
  const auto boundary = [&](std::uint32_t from, unsigned bound) {
    std::uint32_t a = from;
    std::uint32_t b = high;
    while (a < b) {
      const std::uint32_t middle = a + (b - a) / 2;
      if (byte(middle, depth) < bound) a = middle + 1;
      else b = middle;
    }
    return a;
  };
  low = boundary(low, next);
  if (low == high || byte(low, depth) != next) return {low, low, depth + 1};
  high = high - low == 1 ? high : boundary(low, next + 1U);
  return {low, high, depth + 1};
}

SortedStrings::Range SortedStrings::narrow(Range range, std::string_view next) const {
  for (const char c : next) {
    if (range.empty()) break;
    range = narrow(range, static_cast<unsigned char>(c));
  }
  return range;
}

}  // namespace plimsoll::tokenizer
