#include "tokenizer/sorted_strings.h"

#include <algorithm>

namespace plimsoll::tokenizer {

namespace {

/// The first of [low, high), which `holds` divides, for which it does not hold; `high` when there is none.
template <typename Predicate>
std::uint32_t first_without(const Predicate& holds, std::uint32_t low, std::uint32_t high) {
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (holds(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

}  // namespace

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

void SortedStrings::search(Range& range, unsigned char next) const {
  const std::uint32_t depth = range.depth;
  std::uint32_t low = range.low;
  std::uint32_t high = range.high;
  if (entries_[low].length == depth) ++low;  // the string of the bytes so far
  // From both ends in steps that double: a way down costs about as much as it leaves entries behind, not a search at each depth.
  const auto before = [&](std::uint32_t entry) { return byte(entry, depth) < next; };
  const auto within = [&](std::uint32_t entry) { return byte(entry, depth) <= next; };
  for (std::uint32_t step = 1; low < high && before(low); step *= 2) {
    if (step < high - low && before(low + step)) low += step;
    else low = first_without(before, low + 1, low + std::min(step, high - low));
  }
  if (low == high || byte(low, depth) != next) {
    range = {low, low, depth + 1};
    return;
  }
  for (std::uint32_t step = 1; !within(high - 1); step *= 2) {
    if (step < high - low && !within(high - 1 - step)) high -= step;
    else high = first_without(within, high - std::min(step, high - low), high - 1);
  }
  range = {low, high, depth + 1};
}

}  // namespace plimsoll::tokenizer
