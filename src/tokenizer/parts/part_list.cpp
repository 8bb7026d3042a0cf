#include "tokenizer/parts/part_list.h"

#include <algorithm>

namespace plimsoll::tokenizer {

namespace {

// Sequences included.
constexpr std::size_t kVisitLimit = 16 * kPartLimit;

Error too_many(const JsonValue& section) {
  return {ErrorCode::unsupported, "more than " + std::to_string(kPartLimit) + " parts in one section", section.where(),
          "a tokenizer has a handful"};
}

}  // namespace

bool is_sequence(const JsonValue& part, std::string_view list_key) {
  const auto type = part.find("type");
  if (!type) return part.find(list_key).has_value();
  const auto name = type->as_string();
  return name.ok() && *name == "Sequence";
}

Result<std::vector<JsonValue>> flatten_sequence(const JsonValue& section, std::string_view list_key) {
  std::vector<JsonValue> leaves;
  std::vector<JsonValue> open = {section};  // a stack, the next part last
  std::size_t visited = 0;
  while (!open.empty()) {
    const JsonValue part = open.back();
    open.pop_back();
    if (++visited > kVisitLimit || leaves.size() == kPartLimit) return too_many(section);
    if (!part.is_object()) return Error{ErrorCode::corrupt_file, "a part must be an object", part.where()};
    if (!is_sequence(part, list_key)) {
      leaves.push_back(part);
      continue;
    }
    PLIMSOLL_TRY(const JsonValue list, part.get_array(list_key));
    if (list.size() > kPartLimit) return too_many(section);
    const std::size_t first = open.size();
    for (const JsonValue child : list.children()) open.push_back(child);
    std::reverse(open.begin() + static_cast<std::ptrdiff_t>(first), open.end());
  }
  return leaves;
}

Error unsupported_part(const JsonValue& part, std::string_view kind, std::string_view type) {
  return {ErrorCode::unsupported, "no " + std::string(kind) + " of type " + printable(type, 60) + " is built here", part.where(),
          "use a tokenizer of the BERT kind, or a build that has this part"};
}

Error unsupported_part(const JsonValue& part, std::string_view kind) {
  const auto type = part.find("type");
  return unsupported_part(part, kind, type && type->is_string() ? *type->as_string() : "without a type");
}

}  // namespace plimsoll::tokenizer
