#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "tokenizer/sorted_strings.h"

namespace plimsoll::tokenizer {

/// A model's tokens, both ways. A view of tables that stand in an arena.
class Vocabulary {
 public:
  Vocabulary() = default;
  /// `entries` are sorted and differ; `by_id` has as many elements and is filled. Ids are at least 0 and may have holes.
  Vocabulary(std::span<const char> bytes, std::span<const StringEntry> entries, std::span<std::uint32_t> by_id);

  const SortedStrings& strings() const { return strings_; }
  std::size_t size() const { return strings_.size(); }
  std::int32_t max_id() const { return by_id_.empty() ? -1 : strings_[by_id_.back()].value; }

  std::optional<std::int32_t> id(std::string_view token) const;
  std::optional<std::string_view> token(std::int32_t id) const;

 private:
  SortedStrings strings_;
  std::span<const std::uint32_t> by_id_;  // indexes of entries, by rising id
};

}  // namespace plimsoll::tokenizer
