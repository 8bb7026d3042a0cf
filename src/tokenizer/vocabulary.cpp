#include "tokenizer/vocabulary.h"

#include "tokenizer/id_order.h"

namespace plimsoll::tokenizer {

Vocabulary::Vocabulary(std::span<const char> bytes, std::span<const StringEntry> entries, std::span<std::uint32_t> by_id)
    : strings_(bytes, entries), by_id_(by_id) {
  order_by_id(by_id, [&](std::uint32_t i) { return entries[i].value; });
}

std::optional<std::int32_t> Vocabulary::id(std::string_view token) const {
  const StringEntry* entry = strings_.find(token);
  return entry == nullptr ? std::nullopt : std::optional(entry->value);
}

std::optional<std::string_view> Vocabulary::token(std::int32_t id) const {
  const auto found = find_by_id(by_id_, id, [&](std::uint32_t i) { return strings_[i].value; });
  return found ? std::optional(strings_.string(strings_[*found])) : std::nullopt;
}

}  // namespace plimsoll::tokenizer
