#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/result.h>

#include "json/json_document.h"

namespace plimsoll::tokenizer {

/// Parts that one section of tokenizer.json may hold after flattening its Sequences: each may set apart again what the one before did, so
/// that texts take time with the square of their number.
inline constexpr std::size_t kPartLimit = 8;

/// A type name of tokenizer.json and what reads that part. Old files leave the type out: then `mark` is a key that only
/// this type has, and empty where it cannot be told.
template <typename Part>
struct PartType {
  std::string_view type;
  Result<std::unique_ptr<Part>> (*read)(const JsonValue& part);
  std::string_view mark = {};
};

/// The leaves of `section` in order: Sequences, whose parts stand under `list_key`, are taken apart to any depth.
Result<std::vector<JsonValue>> flatten_sequence(const JsonValue& section, std::string_view list_key);

Error unsupported_part(const JsonValue& part, std::string_view kind, std::string_view type);

/// Reads every leaf of `section` by the one list `types`; a null section gives no parts.
template <typename Part>
Result<std::vector<std::unique_ptr<Part>>> read_parts(const JsonValue& section, std::string_view kind, std::string_view list_key,
                                                      std::span<const PartType<Part>> types) {
  std::vector<std::unique_ptr<Part>> parts;
  if (section.is_null()) return parts;
  PLIMSOLL_TRY(const std::vector<JsonValue> leaves, flatten_sequence(section, list_key));
  for (const JsonValue& leaf : leaves) {
    PLIMSOLL_TRY(const auto type, leaf.optional_string("type"));
    const PartType<Part>* found = nullptr;
    for (const PartType<Part>& candidate : types)
      if (type ? candidate.type == *type : !candidate.mark.empty() && leaf.find(candidate.mark)) {
        found = &candidate;
        break;
      }
    if (found == nullptr) return unsupported_part(leaf, kind, type.value_or("without a type"));
    PLIMSOLL_TRY(auto part, found->read(leaf));
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace plimsoll::tokenizer
