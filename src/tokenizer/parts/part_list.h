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

/// Whether `part` is a list of parts, which stand under `list_key`.
bool is_sequence(const JsonValue& part, std::string_view list_key);

/// The leaves of `section` in order: Sequences, whose parts stand under `list_key`, are taken apart to any depth.
Result<std::vector<JsonValue>> flatten_sequence(const JsonValue& section, std::string_view list_key);

Error unsupported_part(const JsonValue& part, std::string_view kind, std::string_view type);
/// Of the type that the part tells.
Error unsupported_part(const JsonValue& part, std::string_view kind);

/// What reads `part`; null where there is no such type. Fails where the type is no string.
template <typename Part>
Result<const PartType<Part>*> find_type(const JsonValue& part, std::span<const PartType<Part>> types) {
  PLIMSOLL_TRY(const auto name, part.optional_string("type"));
  for (const PartType<Part>& type : types)
    if (name ? type.type == *name : !type.mark.empty() && part.find(type.mark)) return &type;
  return nullptr;
}

/// Reads every leaf of `section` by the one list `types`; a null section gives no parts.
template <typename Part>
Result<std::vector<std::unique_ptr<Part>>> read_parts(const JsonValue& section, std::string_view kind, std::string_view list_key,
                                                      std::span<const PartType<Part>> types) {
  std::vector<std::unique_ptr<Part>> parts;
  if (section.is_null()) return parts;
  PLIMSOLL_TRY(const std::vector<JsonValue> leaves, flatten_sequence(section, list_key));
  for (const JsonValue& leaf : leaves) {
    PLIMSOLL_TRY(const PartType<Part>* type, find_type(leaf, types));
    if (type == nullptr) return unsupported_part(leaf, kind);
    PLIMSOLL_TRY(auto part, type->read(leaf));
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace plimsoll::tokenizer
