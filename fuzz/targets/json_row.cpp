// A row of JSON Lines: fed whole and in pieces it says the same; and against nlohmann's reader.
#include "rows/json_row.h"

#include <nlohmann/json.hpp>

#include "target.h"

namespace plimsoll::fuzz {
namespace {

using cli::JsonRow;
using nlohmann::json;

struct Outcome {
  std::string fault;
  std::string id;
  std::string text;
  std::optional<std::string> pair;
  bool too_long = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome read(JsonRow& row, std::string_view text, std::size_t piece) {
  row.clear();
  for (std::size_t at = 0; at < text.size(); at += piece) row.feed(text.substr(at, piece));
  const Status status = row.finish();
  if (!status.ok()) check(status.error());
  Outcome outcome{status.ok() ? "" : message(status.error()), std::string(row.id()), {}, {}, false};
  // Of a row that is no JSON nobody asks whether it is too long: a fault may come before its end, or not, by pieces.
  outcome.too_long = status.ok() && row.too_long();
  if (!status.ok() || outcome.too_long) return outcome;
  outcome.text = row.text();
  if (row.pair()) outcome.pair = *row.pair();
  return outcome;
}

void check_values(const Outcome& outcome, const json& wanted) {
  require(wanted.is_object() && wanted.contains("text") && wanted["text"] == outcome.text, "the same text");
  const bool has_pair = wanted.contains("text_pair") && wanted["text_pair"].is_string();
  require(has_pair == outcome.pair.has_value() && (!has_pair || wanted["text_pair"] == *outcome.pair), "the same second text");
  require(wanted.contains("id") == !outcome.id.empty(), "the id is there");
  if (!outcome.id.empty()) require(json::parse(outcome.id, nullptr, false) == wanted["id"], "the same id");
}

// A number that no double holds is JSON, but not for nlohmann's reader.
bool has_huge_number(std::string_view text) {
  try {
    const json parsed = json::parse(text);
    return parsed.is_discarded();
  } catch (const json::out_of_range&) {
    return true;
  } catch (const json::exception&) {
    return false;
  }
  return false;
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plimsoll::fuzz;
  std::string_view text = text_of(data, size);
  const unsigned choice = take_choice(text);
  plimsoll::cli::JsonRow row;
  if (choice >= 0x80) row.set_longest(choice & 0x0FU);
  const Outcome outcome = read(row, text, std::max<std::size_t>(text.size(), 1));
  require(outcome == read(row, text, 1), "a row says the same byte by byte");
  require(outcome == read(row, text, 1 + choice % 7), "a row says the same in pieces");
  if (outcome.too_long || text.find('\0') != std::string_view::npos) return 0;
  const bool no_json = outcome.fault.starts_with("this is not JSON");
  if (no_json) require(!json::accept(text), "what is refused as such is no JSON");
  if (!outcome.fault.empty() || has_huge_number(text)) return 0;
  const auto wanted = json::parse(text, nullptr, false);
  require(!wanted.is_discarded(), "what is taken is JSON");
  check_values(outcome, wanted);
  return 0;
}
