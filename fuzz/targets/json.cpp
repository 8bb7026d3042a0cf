// A JSON text, read as a document; against the DOM reader of nlohmann's library.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "json/json_document.h"
#include "target.h"

namespace plimsoll::fuzz {
namespace {

using nlohmann::json;

void check_scalar(JsonValue value, const json& wanted) {
  switch (value.type()) {
    case JsonType::null: return require(wanted.is_null(), "null is null");
    case JsonType::boolean: return require(wanted.is_boolean() && *value.as_bool() == wanted.get<bool>(), "the same truth");
    case JsonType::integer:
      return require(wanted.is_number_integer() && *value.as_int(INT64_MIN, INT64_MAX) == wanted.get<std::int64_t>(), "the same integer");
    case JsonType::number: return require(wanted.is_number() && *value.as_number() == wanted.get<double>(), "the same number");
    case JsonType::string: return require(wanted.is_string() && *value.as_string() == wanted.get<std::string>(), "the same text");
    default: return require(false, "a scalar");
  }
}

void check_same(JsonValue root, const json& wanted_root) {
  std::vector<std::pair<JsonValue, const json*>> open = {{root, &wanted_root}};
  while (!open.empty()) {
    const auto [value, wanted] = open.back();
    open.pop_back();
    if (!value.is_object() && !value.is_array()) {
      check_scalar(value, *wanted);
      continue;
    }
    require(value.size() == wanted->size() && value.is_object() == wanted->is_object(), "as many children");
    std::size_t index = 0;
    for (const JsonValue child : value.children()) {
      open.emplace_back(child, value.is_object() ? &wanted->at(std::string(child.key())) : &(*wanted)[index]);
      ++index;
    }
    const auto last = value.size() == 0 ? std::string() : open.back().first.where();
    require(value.size() == 0 || !last.empty(), "every value has a place");
    good(value.get_int("a", 0, 9));
    good(value.optional_object("a"));
  }
}

// Ours refuses more: these, and a NUL or byte order mark, which nlohmann's reader takes for an end or skips.
bool may_differ(std::string_view message) {
  return std::ranges::any_of(
      std::initializer_list<std::string_view>{"deeper than", "appears twice", "NUL byte", "byte order mark", "JSON values", "token longer"},
      [&](std::string_view part) { return message.find(part) != std::string_view::npos; });
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plimsoll;
  const std::string_view text = fuzz::text_of(data, size);
  const auto document = JsonDocument::parse(text, "f.json");
  if (!fuzz::good(document)) {
    if (!fuzz::may_differ(document.error().what)) fuzz::require(!nlohmann::json::accept(text), "what is refused is no JSON");
    return 0;
  }
  const auto wanted = nlohmann::json::parse(text, nullptr, false);
  fuzz::require(!wanted.is_discarded(), "what is taken is JSON");
  fuzz::check_same(document->root(), wanted);
  return 0;
}
