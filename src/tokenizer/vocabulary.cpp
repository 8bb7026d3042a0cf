#include "tokenizer/vocabulary.h"

#include <algorithm>
#include <numeric>

namespace plimsoll::tokenizer {

Vocabulary::Vocabulary(std::span<const char> bytes, std::span<const StringEntry> entries, std::span<std::uint32_t> by_id)
    : strings_(bytes, entries), by_id_(by_id) {
  std::iota(by_id.begin(), by_id.end(), 0U);
  std::sort(by_id.begin(), by_id.end(), [&](std::uint32_t a, std::uint32_t b) {
    return entries[a].value != entries[b].value ? entries[a].value < entries[b].value : a < b;
  });
}

std::optional<std::int32_t> Vocabulary::id(std::string_view token) const {
  const StringEntry* entry = strings_.find(token);
  return entry == nullptr ? std::nullopt : std::optional(entry->value);
}

std::optional<std::string_view> Vocabulary::token(std::int32_t id) const {
  const auto value = [&](std::uint32_t i) { return strings_[i].value; };
  const auto it = std::partition_point(by_id_.begin(), by_id_.end(), [&](std::uint32_t i) { return value(i) < id; });
  if (it == by_id_.end() || value(*it) != id) return std::nullopt;
  return strings_.string(strings_[*it]);
}

}  // namespace plimsoll::tokenizer
